package kept.training;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import kept.model.AdapterName;
import kept.model.Decoder;
import kept.model.Lora;
import kept.model.TensorName;
import kept.nn.Parameter;

/** A selection of the parameters of a model to train, and of the adapters that it has for training. */
public final class ParameterSelection {
    private static final String LORA = "lora";
    /** Of adapters alone. */
    private static final Predicate<String> NONE = name -> false;

    private final String description;
    private final Predicate<String> names;
    private final Set<String> taken;
    /** Null for none. */
    private final Lora adapters;

    private ParameterSelection(String description, Predicate<String> names, Set<String> taken, Lora adapters) {
        this.description = description;
        this.names = names;
        this.taken = taken;
        this.adapters = adapters;
    }

    /**
     * Reads a selection.
     *
     * @param text {@code all}, {@code norms} or {@code lora} in any case, or a regular expression that is searched for in the parameters' names, such
     *     as {@code layers\.[01]\.}; with {@code lora}, which has {@linkplain Lora#USUAL the usual adapters}, norms or an expression too:
     *     {@code norms,lora}
     * @return the selection
     * @throws TrainingException if it is not a regular expression, or all matrices are to be trained and adapted
     */
    public static ParameterSelection parse(String text) {
        if (!namesAdapters(text)) {
            return parse(text, null);
        }
        if (text.equalsIgnoreCase(LORA)) {
            return new ParameterSelection(LORA, NONE, Set.of(), Lora.USUAL);
        }
        String rest = text.toLowerCase(Locale.ROOT).startsWith(LORA + ",") ? text.substring(LORA.length() + 1)
                : text.substring(0, text.length() - LORA.length() - 1);
        if (rest.isBlank() || rest.strip().equalsIgnoreCase(LORA)) {
            throw new TrainingException("[train] '%s' names nothing beside lora; lora alone trains adapters only".formatted(text));
        }
        if (rest.strip().equalsIgnoreCase("all")) {
            throw new TrainingException("[train] all trains each matrix itself, and lora adapts those that are not trained: choose one, or "
                    + "norms,lora");
        }
        return parse(rest.strip(), Lora.USUAL);
    }

    /**
     * Whether a text selects adapters, alone or with parameters.
     *
     * @param text a text for {@link #parse}
     * @return true if it has {@code lora}
     */
    public static boolean namesAdapters(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        return lower.equals(LORA) || lower.startsWith(LORA + ",") || lower.endsWith("," + LORA);
    }

    private static ParameterSelection parse(String text, Lora adapters) {
        String word = text.toLowerCase(Locale.ROOT);
        Predicate<String> names = switch (word) {
            case "all" -> name -> true;
            case "norms" -> ParameterSelection::isOfNorm;
            default -> {
                try {
                    yield Pattern.compile(text).asPredicate();
                } catch (PatternSyntaxException e) {
                    throw new TrainingException("[train] '%s' is neither all nor norms nor lora nor a regular expression: %s"
                            .formatted(text, e.getDescription()));
                }
            }
        };
        String description = word.equals("all") || word.equals("norms") ? word : text;
        return new ParameterSelection(adapters == null ? description : description + "," + LORA, names, Set.of(), adapters);
    }

    private static boolean isOfNorm(String name) {
        return TensorName.parse(name).filter(tensor -> tensor.role().isNorm()).isPresent();
    }

    /**
     * The same selection without some parameters, and without adapters of them.
     *
     * @param excluded their names
     * @param what a description of them
     * @return the selection
     */
    public ParameterSelection without(Set<String> excluded, String what) {
        Set<String> frozen = Set.copyOf(excluded);
        return frozen.isEmpty() ? this : new ParameterSelection("%s, without %s".formatted(description, what),
                names == NONE ? NONE : name -> names.test(name) && !frozen.contains(name), taken,
                adapters == null ? null : adapters.without(frozen));
    }

    /**
     * The same selection with other adapters.
     *
     * @param other the adapters
     * @return the selection
     * @throws TrainingException if this selection has no adapters
     */
    public ParameterSelection withAdapters(Lora other) {
        if (adapters == null) {
            throw new TrainingException("[lora] '%s' trains no adapters; lora or norms,lora does".formatted(description));
        }
        return new ParameterSelection(description, names, taken, other);
    }

    /**
     * The adapters that are trained.
     *
     * @return which, if there are any
     */
    public Optional<Lora> adapters() {
        return Optional.ofNullable(adapters);
    }

    /**
     * The same selection of a student whose parameters are, but for some, those of its teacher.
     *
     * @param verbatim the names of the parameters with the teacher's values in the teacher's type
     * @return the selection; what it does not select of these is {@linkplain #shares shared}
     */
    public ParameterSelection sharing(Set<String> verbatim) {
        return new ParameterSelection(description, names, Set.copyOf(verbatim), adapters);
    }

    /**
     * Another selection, of the same student.
     *
     * @param other what to train
     * @return that selection, with the parameters that this one may share
     */
    public ParameterSelection replacedBy(ParameterSelection other) {
        return new ParameterSelection(other.description, other.names, taken, other.adapters);
    }

    /**
     * Whether a parameter is the teacher's own tensor, since it is not trained and has its values.
     *
     * @param name its name
     * @return true if the student needs no memory for it
     */
    public boolean shares(String name) {
        return taken.contains(name) && !selects(name);
    }

    /**
     * Whether a parameter is selected.
     *
     * @param name its name
     * @return true if it is trained
     */
    public boolean selects(String name) {
        return AdapterName.isOne(name) ? adapters != null : names.test(name);
    }

    /**
     * Makes the selected parameters trainable and freezes the others.
     *
     * @param model the model
     * @return the number of single numbers that will be trained
     * @throws TrainingException if no parameter is selected
     */
    public long apply(Decoder model) {
        long count = 0;
        boolean isMatched = names == NONE;
        for (Map.Entry<String, Parameter> entry : model.parameters().entrySet()) {
            boolean selected = selects(entry.getKey());
            entry.getValue().setTrainable(selected);
            count += selected ? entry.getValue().value().elementCount() : 0;
            isMatched |= selected && !AdapterName.isOne(entry.getKey());
        }
        if (count == 0 || !isMatched) {
            throw new TrainingException("[train] '%s' matches no parameter; their names are like %s"
                    .formatted(description, model.parameters().keySet().stream().skip(1).findFirst().orElse("?")));
        }
        return count;
    }

    /** The text it was read from. */
    @Override
    public String toString() {
        return description;
    }
}

package kept.training;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import kept.model.AdapterName;
import kept.model.Decoder;
import kept.model.Lora;
import kept.model.TensorName;
import kept.nn.Parameter;

/** A selection of the parameters of a model to train, and of the adapters that it has for training. */
public final class ParameterSelection {
    private static final String LORA = "lora";
    private static final Pattern LORA_FIRST = Pattern.compile("\\s*lora\\s*,", Pattern.CASE_INSENSITIVE);
    private static final Pattern LORA_LAST = Pattern.compile(",\\s*lora\\s*$", Pattern.CASE_INSENSITIVE);
    /** Of adapters alone. */
    private static final Predicate<String> NONE = name -> false;

    private final String description;
    private final Predicate<String> names;
    private final Left left;
    private final Set<String> taken;
    /** Null for none. */
    private final Lora adapters;

    private ParameterSelection(String description, Predicate<String> names, Left left, Set<String> taken, Lora adapters) {
        this.description = description;
        this.names = names;
        this.left = left;
        this.taken = taken;
        this.adapters = adapters;
    }

    /**
     * Parameters that are left out of a selection.
     *
     * @param names their names
     * @param what a description of them
     */
    private record Left(Set<String> names, String what) {
        static final Left NOTHING = new Left(Set.of(), "");
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
            return parse(text.strip(), null);
        }
        if (text.strip().equalsIgnoreCase(LORA)) {
            return new ParameterSelection(LORA, NONE, Left.NOTHING, Set.of(), Lora.USUAL);
        }
        Matcher first = LORA_FIRST.matcher(text);
        String rest = first.lookingAt() ? text.substring(first.end()) : LORA_LAST.matcher(text).replaceFirst("");
        if (rest.isBlank() || namesAdapters(rest)) {
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
        return text.strip().equalsIgnoreCase(LORA) || LORA_FIRST.matcher(text).lookingAt() || LORA_LAST.matcher(text).find();
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
        return new ParameterSelection(adapters == null ? description : description + "," + LORA, names, Left.NOTHING, Set.of(), adapters);
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
        return frozen.isEmpty() ? this : new ParameterSelection(description, names, new Left(frozen, what), taken,
                adapters == null ? null : adapters.without(frozen));
    }

    /**
     * The same selection without adapters of the parameters that are trained themselves.
     *
     * @param parameters the names of all parameters
     * @return the selection
     */
    public ParameterSelection adaptingOthers(Collection<String> parameters) {
        return adapters == null || names == NONE ? this : new ParameterSelection(description, names, left, taken,
                adapters.without(parameters.stream().filter(this::selects).collect(Collectors.toSet())));
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
        return new ParameterSelection(description, names, left, taken, other);
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
        return new ParameterSelection(description, names, left, Set.copyOf(verbatim), adapters);
    }

    /**
     * Another selection, of the same student.
     *
     * @param other what to train
     * @return that selection, without what is left out of this one and with the parameters that this one may share
     */
    public ParameterSelection replacedBy(ParameterSelection other) {
        return new ParameterSelection(other.description, other.names, left, taken,
                other.adapters == null ? null : other.adapters.without(left.names));
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
        return AdapterName.isOne(name) ? adapters != null : names.test(name) && !left.names.contains(name);
    }

    /**
     * Makes the selected parameters trainable and freezes the others.
     *
     * @param model the model
     * @return the number of single numbers that will be trained
     * @throws TrainingException if no parameter is selected, or none but adapters where others are asked for
     */
    public long apply(Decoder model) {
        requireSome(model.parameters().keySet());
        long count = 0;
        for (Map.Entry<String, Parameter> entry : model.parameters().entrySet()) {
            boolean selected = selects(entry.getKey());
            entry.getValue().setTrainable(selected);
            count += selected ? entry.getValue().value().elementCount() : 0;
        }
        return count;
    }

    /**
     * Requires that a model has what is asked for.
     *
     * @param parameters the names of its parameters, without or with those of adapters
     * @throws TrainingException if none of them is selected, though more than adapters is asked for
     */
    public void requireSome(Collection<String> parameters) {
        List<String> own = parameters.stream().filter(name -> !AdapterName.isOne(name)).toList();
        if (names == NONE || own.stream().anyMatch(this::selects)) {
            return;
        }
        if (own.stream().anyMatch(names)) {
            throw new TrainingException("[train] '%s' matches nothing but %s, not to be trained; train others by a pattern, or lora"
                    .formatted(description, left.what));
        }
        throw new TrainingException("[train] '%s' matches no parameter; their names are like %s"
                .formatted(description, own.stream().skip(1).findFirst().orElse("?")));
    }

    /**
     * What was asked for, whatever is left out of it.
     *
     * @return the text it was read from
     */
    public String asked() {
        return description;
    }

    /** What was asked for, and what is left out of it. */
    @Override
    public String toString() {
        return left.names.isEmpty() ? description : "%s, without %s".formatted(description, left.what);
    }
}

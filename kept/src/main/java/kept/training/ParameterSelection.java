package kept.training;

import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import kept.model.Decoder;
import kept.model.TensorName;
import kept.nn.Parameter;

/** A selection of the parameters of a model to train. */
public final class ParameterSelection {
    private final String description;
    private final Predicate<String> names;
    private final Set<String> taken;

    private ParameterSelection(String description, Predicate<String> names) {
        this(description, names, Set.of());
    }

    private ParameterSelection(String description, Predicate<String> names, Set<String> taken) {
        this.description = description;
        this.names = names;
        this.taken = taken;
    }

    /**
     * Reads a selection.
     *
     * @param text {@code all} or {@code norms} in any case, or a regular expression that is searched for in the parameters' names, such as
     *     {@code layers\.[01]\.}
     * @return the selection
     * @throws TrainingException if it is not a regular expression
     */
    public static ParameterSelection parse(String text) {
        String word = text.toLowerCase(Locale.ROOT);
        return switch (word) {
            case "all" -> new ParameterSelection(word, name -> true);
            case "norms" -> new ParameterSelection(word, ParameterSelection::isOfNorm);
            default -> {
                try {
                    yield new ParameterSelection(text, Pattern.compile(text).asPredicate());
                } catch (PatternSyntaxException e) {
                    throw new TrainingException("[train] '%s' is neither all nor norms nor a regular expression: %s"
                            .formatted(text, e.getDescription()));
                }
            }
        };
    }

    private static boolean isOfNorm(String name) {
        return TensorName.parse(name).filter(tensor -> tensor.role().isNorm()).isPresent();
    }

    /**
     * The same selection without some parameters.
     *
     * @param excluded their names
     * @param what a description of them
     * @return the selection
     */
    public ParameterSelection without(Set<String> excluded, String what) {
        Set<String> frozen = Set.copyOf(excluded);
        return frozen.isEmpty() ? this : new ParameterSelection("%s, without %s".formatted(description, what),
                name -> names.test(name) && !frozen.contains(name), taken);
    }

    /**
     * The same selection of a student whose parameters are, but for some, those of its teacher.
     *
     * @param verbatim the names of the parameters with the teacher's values in the teacher's type
     * @return the selection; what it does not select of these is {@linkplain #shares shared}
     */
    public ParameterSelection sharing(Set<String> verbatim) {
        return new ParameterSelection(description, names, Set.copyOf(verbatim));
    }

    /**
     * Another selection, of the same student.
     *
     * @param other what to train
     * @return that selection, with the parameters that this one may share
     */
    public ParameterSelection replacedBy(ParameterSelection other) {
        return new ParameterSelection(other.description, other.names, taken);
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
        return names.test(name);
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
        for (Map.Entry<String, Parameter> entry : model.parameters().entrySet()) {
            boolean selected = names.test(entry.getKey());
            entry.getValue().setTrainable(selected);
            count += selected ? entry.getValue().value().elementCount() : 0;
        }
        if (count == 0) {
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

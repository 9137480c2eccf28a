package kept.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.tensor.Arguments;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Something with named parameters. A subclass registers its parts in its constructor, under the names they have in its model's checkpoints:
 *
 * <pre>{@code
 * embedding = register("model.embed_tokens", new Embedding(weight));
 * }</pre>
 */
public abstract class Module {
    private final SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();

    /** For subclasses. */
    protected Module() {}

    /**
     * Takes the parameters of a part, which has registered its own parts already, into this module's.
     *
     * @param <M> the part's type
     * @param name what the names of the part's parameters are to begin with, without the dot; may contain dots
     * @param child the part
     * @return the part
     * @throws TensorException if a name is taken
     */
    protected <M extends Module> M register(String name, M child) {
        Arguments.present("module", name, child).parameters().forEach((rest, parameter) -> put(name + "." + rest, parameter));
        return child;
    }

    /**
     * Makes a tensor a parameter of this module.
     *
     * @param name its name in this module
     * @param value a contiguous floating tensor; the parameter is trainable if it requires a gradient
     * @return the parameter
     * @throws TensorException if the name is taken
     */
    protected Parameter register(String name, Tensor value) {
        Parameter parameter = new Parameter(Arguments.present("module", name, value));
        put(name, parameter);
        return parameter;
    }

    private void put(String name, Parameter parameter) {
        if (parameters.putIfAbsent(name, parameter) != null) {
            throw new TensorException("[module] two parameters are named '%s' in %s".formatted(name, getClass().getSimpleName()));
        }
    }

    /**
     * All parameters, of this module and of its parts, in the order of registration.
     *
     * @return a read-only map from dotted names, such as {@code layers.0.self_attn.q_proj.weight}
     */
    public final SequencedMap<String, Parameter> parameters() {
        return Collections.unmodifiableSequencedMap(parameters);
    }
}

package kept.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * A part of a model, or a model, with named parameters. A subclass registers its parts in its constructor, under the names they have in its model's
 * checkpoints:
 *
 * <pre>{@code
 * embedding = register("model.embed_tokens", new Embedding(weight));
 * }</pre>
 */
public abstract class Layer {
    private final SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();

    /** For subclasses. */
    protected Layer() {}

    /**
     * Takes the parameters of a part, which has registered its own parts already, into this layer's.
     *
     * @param <M> the part's type
     * @param name what the names of the part's parameters are to begin with, without the dot; may contain dots
     * @param child the part
     * @return the part
     * @throws TensorException if a name is taken
     */
    protected <M extends Layer> M register(String name, M child) {
        Arguments.present("layer", name, child).parameters().forEach((rest, parameter) -> put(name + "." + rest, parameter));
        return child;
    }

    /**
     * Makes a tensor a parameter of this layer.
     *
     * @param name its name in this layer
     * @param value a contiguous floating tensor; the parameter is trainable if it requires a gradient
     * @return the parameter
     * @throws TensorException if the name is taken
     */
    protected Parameter register(String name, Tensor value) {
        Parameter parameter = new Parameter(Arguments.present("layer", name, value));
        put(name, parameter);
        return parameter;
    }

    private void put(String name, Parameter parameter) {
        if (parameters.putIfAbsent(name, parameter) != null) {
            throw new TensorException("[layer] two parameters are named '%s' in %s".formatted(name, getClass().getSimpleName()));
        }
    }

    /**
     * All parameters, of this layer and of its parts, in the order of registration.
     *
     * @return a read-only map from dotted names, such as {@code layers.0.self_attn.q_proj.weight}
     */
    public final SequencedMap<String, Parameter> parameters() {
        return Collections.unmodifiableSequencedMap(parameters);
    }
}

package kept.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * A module with named parameters: a model or a part of one. A subclass registers its submodules in its constructor, under their names in the model's
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
     * Registers a submodule: its parameters become parameters of this layer. The submodule must have registered its own parameters before.
     *
     * @param <M> the submodule's type
     * @param name the prefix of the names of the submodule's parameters, without the final dot; may contain dots
     * @param child the submodule
     * @return the submodule
     * @throws TensorException if a name is taken
     */
    protected <M extends Layer> M register(String name, M child) {
        Arguments.present("layer", name, child).parameters().forEach((rest, parameter) -> put(name + "." + rest, parameter));
        return child;
    }

    /**
     * Registers a tensor as a parameter of this layer.
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
     * All parameters of this layer and its submodules, in the order of registration.
     *
     * @return a read-only map from dotted names, such as {@code layers.0.self_attn.q_proj.weight}
     */
    public final SequencedMap<String, Parameter> parameters() {
        return Collections.unmodifiableSequencedMap(parameters);
    }
}

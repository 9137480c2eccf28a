package kept.model;

import kept.tensor.Shape;
import kept.tensor.Tensor;

/** A source of a model's parameters: a checkpoint or a random initialisation. */
@FunctionalInterface
public interface Weights {
    /**
     * Returns the initial value of one parameter, owned by the current scope.
     *
     * @param name the parameter's name in checkpoints, such as {@code model.layers.0.self_attn.q_proj.weight}
     * @param shape the shape according to the configuration
     * @return a contiguous floating-point tensor of that shape
     */
    Tensor get(String name, Shape shape);
}

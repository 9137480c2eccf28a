package kept.model;

import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Where a model's parameters come from: a checkpoint, or a random initialisation. */
@FunctionalInterface
public interface Weights {
    /**
     * The initial value of one parameter, in the current scope.
     *
     * @param name the parameter's name in checkpoints, such as {@code model.layers.0.self_attn.q_proj.weight}
     * @param shape the shape the configuration asks for
     * @return a contiguous floating tensor of that shape
     */
    Tensor get(String name, Shape shape);
}

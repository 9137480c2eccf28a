package kept.model;

import java.util.Optional;
import kept.backend.BlockMatrix;
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

    /**
     * Returns the matrix of a linear map in blocks, owned by the current scope, if that is how the source gives it.
     *
     * @param name the name of the weight in checkpoints
     * @param shape the shape according to the configuration
     * @return the matrix; empty if {@link #get} gives it
     */
    default Optional<BlockMatrix> blocks(String name, Shape shape) {
        return Optional.empty();
    }
}

package kept.mapping;

import java.util.List;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A matrix with one value on its diagonal and zeros elsewhere, without sources; it need not be square.
 *
 * @param method the method it belongs to
 * @param value each element of the diagonal
 */
public record ScaledIdentity(String method, double value) implements Transform {
    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor matrix = Tensor.full(0, DType.F32, shape);
        long step = shape.size(1) + 1;
        long diagonal = Math.min(shape.size(0), shape.size(1));
        matrix.reshape(shape.elementCount()).slice(0, 0, (diagonal - 1) * step + 1, step).fill(value);
        return matrix;
    }
}

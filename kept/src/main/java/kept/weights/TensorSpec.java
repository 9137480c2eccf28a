package kept.weights;

import java.util.Objects;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;

/**
 * The name, type and shape of a tensor to be written.
 *
 * @param name its name, as in {@code model.norm.weight}
 * @param dtype its element type
 * @param shape its extents
 */
public record TensorSpec(String name, DType dtype, Shape shape) {

    /** Rejects nulls and shapes whose size in bytes exceeds a {@code long}. */
    public TensorSpec {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(dtype, "dtype");
        Objects.requireNonNull(shape, "shape");
        if (shape.elementCount() > Long.MAX_VALUE / dtype.bytes()) {
            throw new ShapeException("[tensor] too many bytes for a 64-bit count: %s %s".formatted(dtype.label(), shape));
        }
    }

    /**
     * The size of its values in bytes.
     *
     * @return bytes
     */
    public long byteSize() {
        return shape.elementCount() * dtype.bytes();
    }
}

package kept.weights;

import java.util.Objects;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;

/**
 * A tensor that is to be written: everything about it but its values.
 *
 * @param name its name, as in {@code model.norm.weight}
 * @param dtype its element type
 * @param shape its extents
 */
public record TensorSpec(String name, DType dtype, Shape shape) {

    /** Refuses nulls, and a shape whose bytes exceed a {@code long}. */
    public TensorSpec {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(dtype, "dtype");
        Objects.requireNonNull(shape, "shape");
        if (shape.elementCount() > Long.MAX_VALUE / dtype.bytes()) {
            throw new ShapeException("[tensor] too many bytes for a 64-bit count: %s %s".formatted(dtype.label(), shape));
        }
    }

    /**
     * The size of its values in a file.
     *
     * @return bytes
     */
    public long byteSize() {
        return shape.elementCount() * dtype.bytes();
    }
}

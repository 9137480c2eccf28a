package kept.weights;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Shape;

/**
 * A tensor's metadata in a file header: type, shape and location.
 *
 * @param file the file that contains it
 * @param name its name, as in {@code model.norm.weight}
 * @param type the type of the stored elements
 * @param shape its extents
 * @param offset start of the first element, in bytes from the start of the file
 * @param byteSize number of bytes from the first element to the last
 * @param strides distance between neighbours along each axis, in elements; empty for row-major order
 */
public record TensorEntry(Path file, String name, StoredType type, Shape shape, long offset, long byteSize, List<Long> strides) {

    /** Copies the strides. */
    public TensorEntry {
        strides = List.copyOf(strides);
    }

    /**
     * Creates the entry of a tensor in row-major order.
     *
     * @param file the file that contains it
     * @param name its name
     * @param type the type of the stored elements
     * @param shape its extents
     * @param offset start of its bytes, from the start of the file
     * @param byteSize number of its bytes
     */
    public TensorEntry(Path file, String name, StoredType type, Shape shape, long offset, long byteSize) {
        this(file, name, type, shape, offset, byteSize, List.of());
    }

    /**
     * The element type this tensor of a model is read as: the stored type, except that F64 is rounded to F32. Models have no U8 and BOOL.
     *
     * @return the element type
     * @throws FileException if tensors of the stored type cannot be read as those of a model
     */
    public DType dtype() {
        if (type == StoredType.F64) {
            return DType.F32;
        }
        return type.dtype().filter(TensorEntry::isOfModels).orElseThrow(() -> new FileException("checkpoint", file, name, offset,
            "elements are of type %s, which cannot be read as a tensor%s; readable are %s, and F64 rounded to F32".formatted(type,
                type.bits() <= Byte.SIZE && type != StoredType.BOOL ? ": it is quantised, so use the unquantised checkpoint" : "",
                Arrays.stream(DType.values()).filter(TensorEntry::isOfModels).map(DType::name).collect(Collectors.joining(", ")))));
    }

    /**
     * The element type that holds the stored elements as they are.
     *
     * @return the element type
     * @throws FileException if there is none
     */
    public DType exactType() {
        return type.dtype().orElseThrow(() -> new FileException("checkpoint", file, name, offset,
            "elements are of type %s, which no tensor has; readable are %s".formatted(type,
                Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", ")))));
    }

    private static boolean isOfModels(DType dtype) {
        return dtype != DType.F64 && dtype != DType.U8 && dtype != DType.BOOL;
    }

    /**
     * Whether the file stores the tensor exactly as it is read: elements of {@link #dtype()} in row-major order.
     *
     * @return false if reading has to convert or reorder elements
     */
    public boolean isVerbatim() {
        return strides.isEmpty() && type.dtype().filter(TensorEntry::isOfModels).isPresent();
    }

    /**
     * Returns this entry with another name.
     *
     * @param other the name
     * @return an entry that differs only in its name
     */
    public TensorEntry named(String other) {
        return new TensorEntry(file, other, type, shape, offset, byteSize, strides);
    }
}

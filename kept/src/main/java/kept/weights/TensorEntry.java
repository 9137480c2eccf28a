package kept.weights;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import kept.io.CheckpointException;
import kept.tensor.DType;
import kept.tensor.Shape;

/**
 * A tensor's place in a file: what the header says of it.
 *
 * @param file the file it lies in
 * @param name its name, as in {@code model.norm.weight}
 * @param type how its elements are stored
 * @param shape its extents
 * @param offset where its first element starts, counted from the start of the file
 * @param byteSize how many bytes they are, from the first element to the last
 * @param strides for each axis how many elements one is from the next; empty where the elements lie row by row
 */
public record TensorEntry(Path file, String name, StoredType type, Shape shape, long offset, long byteSize, List<Long> strides) {

    /** Fixes the strides. */
    public TensorEntry {
        strides = List.copyOf(strides);
    }

    /**
     * A tensor whose elements lie row by row.
     *
     * @param file the file it lies in
     * @param name its name
     * @param type how its elements are stored
     * @param shape its extents
     * @param offset where its bytes start, counted from the start of the file
     * @param byteSize how many bytes they are
     */
    public TensorEntry(Path file, String name, StoredType type, Shape shape, long offset, long byteSize) {
        this(file, name, type, shape, offset, byteSize, List.of());
    }

    /**
     * The element type to read this tensor as: that of the file, but F32 for F64, whose values are rounded.
     *
     * @return the element type
     * @throws CheckpointException if tensors of the stored type cannot be read
     */
    public DType dtype() {
        if (type == StoredType.F64) {
            return DType.F32;
        }
        return type.dtype().orElseThrow(() -> new CheckpointException("checkpoint", file, name, offset,
            "elements are of type %s, which cannot be read as a tensor%s; readable are %s, and F64 rounded to F32".formatted(type,
                type.bits() <= Byte.SIZE && type != StoredType.BOOL ? ": it is quantised, so take the unquantised checkpoint" : "",
                Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", ")))));
    }

    /**
     * Whether the bytes in the file are the tensor: elements of {@link #dtype()}, row by row.
     *
     * @return false if reading has to round or reorder them
     */
    public boolean isVerbatim() {
        return strides.isEmpty() && type.dtype().isPresent();
    }

    /**
     * The same under another name.
     *
     * @param other the name
     * @return an entry that differs in nothing else
     */
    public TensorEntry named(String other) {
        return new TensorEntry(file, other, type, shape, offset, byteSize, strides);
    }
}

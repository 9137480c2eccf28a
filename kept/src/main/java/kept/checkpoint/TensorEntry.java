package kept.checkpoint;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import kept.tensor.DType;
import kept.tensor.Shape;

/**
 * A tensor's place in a file: what the header says of it.
 *
 * @param file the file it lies in
 * @param name its name, as in {@code model.norm.weight}
 * @param type how its elements are stored
 * @param shape its extents; elements lie row by row
 * @param offset where its bytes start, counted from the start of the file
 * @param byteSize how many bytes they are
 */
public record TensorEntry(Path file, String name, StoredType type, Shape shape, long offset, long byteSize) {

    /**
     * The element type to read this tensor as.
     *
     * @return the element type
     * @throws CheckpointException if tensors of the stored type cannot be read
     */
    public DType dtype() {
        return type.dtype().orElseThrow(() -> new CheckpointException("checkpoint", file, name, offset,
            "elements are of type %s, which cannot be read as a tensor; readable are %s".formatted(type,
                Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", ")))));
    }
}

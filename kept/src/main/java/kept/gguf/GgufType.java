package kept.gguf;

import java.util.Optional;
import kept.tensor.DType;

/** How a GGUF file stores the elements of its matrices; norms, biases and other vectors are f32 in each. */
public enum GgufType {
    /** IEEE 754 binary32. */
    F32(0, 0, 1, 4, DType.F32),
    /** IEEE 754 binary16. */
    F16(1, 1, 1, 2, DType.F16),
    /** The upper half of a binary32. */
    BF16(30, 32, 1, 2, DType.BF16),
    /** Blocks of 32 elements of a row: a binary16 scale, then 32 signed bytes; an element is scale times byte. */
    Q8_0(8, 7, 32, 34, null);

    private final int code;
    private final int fileType;
    private final int blockElements;
    private final int blockBytes;
    private final DType dtype;

    GgufType(int code, int fileType, int blockElements, int blockBytes, DType dtype) {
        this.code = code;
        this.fileType = fileType;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
        this.dtype = dtype;
    }

    /** The number of the type in a file: {@code ggml_type}. */
    int code() {
        return code;
    }

    /** The number of a file whose matrices are mostly of this type: {@code general.file_type}. */
    int fileType() {
        return fileType;
    }

    /** Elements to a block: a row is whole blocks. */
    int blockElements() {
        return blockElements;
    }

    /** The element type of the same bits; empty where elements share a scale. */
    Optional<DType> dtype() {
        return Optional.ofNullable(dtype);
    }

    /** The size of so many elements, which are whole blocks. */
    long byteSize(long elements) {
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }
}

package kept.gguf;

import java.util.Optional;
import kept.tensor.DType;

/** The element type of matrices in a GGUF file; norms, biases and other vectors are always f32. */
public enum GgufType {
    /** IEEE 754 binary32. */
    F32(0, 0, 1, 4, DType.F32),
    /** IEEE 754 binary16. */
    F16(1, 1, 1, 2, DType.F16),
    /** The upper half of a binary32. */
    BF16(30, 32, 1, 2, DType.BF16),
    /** Blocks of 32 elements of a row: a binary16 scale and 32 signed bytes; an element is the scale times its byte. */
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

    /** The number of the type in the format: {@code ggml_type}. */
    int code() {
        return code;
    }

    /** The number of a file whose matrices have this type: {@code general.file_type}. */
    int fileType() {
        return fileType;
    }

    /** Elements per block; rows consist of whole blocks. */
    int blockElements() {
        return blockElements;
    }

    /** The equivalent dtype; empty for types whose elements share a scale. */
    Optional<DType> dtype() {
        return Optional.ofNullable(dtype);
    }

    /** The size in bytes of a number of elements, which is a multiple of the block. */
    long byteSize(long elements) {
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }
}

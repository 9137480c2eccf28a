package kept.cuda.cublas;

import kept.cuda.bindings.Cublas;

/** Element types of matrices, with the codes of cudaDataType. */
public enum DataType {
    /** IEEE 754 binary32. */
    F32(0, 4),
    /** IEEE 754 binary64. */
    F64(1, 8),
    /** IEEE 754 binary16. */
    F16(2, 2),
    /** bfloat16: the upper half of binary32. */
    BF16(14, 2);

    /** CUBLAS_COMPUTE_64F of cublas_api.h. */
    private static final int COMPUTE_F64 = 70;

    private final int code;
    private final int bytes;

    DataType(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /**
     * Returns the code of the type.
     *
     * @return cudaDataType
     */
    public int code() {
        return code;
    }

    /**
     * Returns the code of the arithmetic of products of this type: f64 for F64, else f32. The factors of a product have that type too.
     *
     * @return cublasComputeType_t
     */
    public int computeCode() {
        return this == F64 ? COMPUTE_F64 : Cublas.CUBLAS_COMPUTE_32F();
    }

    /**
     * Returns the size of an element.
     *
     * @return bytes
     */
    public int bytes() {
        return bytes;
    }
}

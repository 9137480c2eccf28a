package kept.cuda.cublas;

/** The element types of matrices, by the library's own codes (cudaDataType). */
public enum DataType {
    /** 32-bit floats. */
    F32(0),
    /** 16-bit floats. */
    F16(2),
    /** 16-bit floats with the exponent of F32. */
    BF16(14);

    private final int code;

    DataType(int code) {
        this.code = code;
    }

    /**
     * What the library calls it.
     *
     * @return the code
     */
    public int code() {
        return code;
    }
}

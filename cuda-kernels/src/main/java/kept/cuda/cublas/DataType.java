package kept.cuda.cublas;

/** Element types of matrices, with the codes of cudaDataType. */
public enum DataType {
    /** IEEE 754 binary32. */
    F32(0),
    /** IEEE 754 binary16. */
    F16(2),
    /** bfloat16: the upper half of binary32. */
    BF16(14);

    private final int code;

    DataType(int code) {
        this.code = code;
    }

    /**
     * Returns the code of the type.
     *
     * @return cudaDataType
     */
    public int code() {
        return code;
    }
}

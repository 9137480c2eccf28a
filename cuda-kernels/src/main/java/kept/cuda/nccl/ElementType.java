package kept.cuda.nccl;

import kept.cuda.bindings.Nccl;
import kept.tensor.DType;

/**
 * Element types of messages and sums, with the codes of ncclDataType_t. Other types go as bytes, since a message
 * is never computed with.
 */
public enum ElementType {
    /** 8 bits, also for types that NCCL does not have. */
    U8(Nccl.ncclUint8(), 1),
    /** Integers of 32 bits. */
    I32(Nccl.ncclInt32(), 4),
    /** Integers of 64 bits. */
    I64(Nccl.ncclInt64(), 8),
    /** IEEE 754 binary16. */
    F16(Nccl.ncclFloat16(), 2),
    /** IEEE 754 binary32. */
    F32(Nccl.ncclFloat32(), 4),
    /** IEEE 754 binary64. */
    F64(Nccl.ncclFloat64(), 8),
    /** bfloat16: the upper half of binary32. */
    BF16(Nccl.ncclBfloat16(), 2);

    private final int code;
    private final int bytes;

    ElementType(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /**
     * The type in which tensors are sent.
     *
     * @param dtype element type of the tensors
     * @return type of as many bytes
     */
    public static ElementType of(DType dtype) {
        return switch (dtype) {
            case F32 -> F32;
            case BF16 -> BF16;
            case F16 -> F16;
            case I32 -> I32;
            case I64 -> I64;
            case F64 -> F64;
            case U8, BOOL -> U8;
        };
    }

    /**
     * Returns the code of the type.
     *
     * @return ncclDataType_t
     */
    public int code() {
        return code;
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

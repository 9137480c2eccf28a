package kept.cuda.virtual;

import java.util.Arrays;

/** The contents of memory before its first access, so that an operand of any size needs memory only where it is accessed. */
@FunctionalInterface
public interface InitialContents {
    /**
     * Computes the bytes of a part of an allocation.
     *
     * @param offset offset of the first byte in the allocation, a multiple of 64 KiB
     * @param bytes receives the contents, in the device's byte order, little-endian
     */
    void fill(long offset, byte[] bytes);

    /** Returns the contents of memory that is set to one byte. */
    static InitialContents of(byte value) {
        return (_, bytes) -> Arrays.fill(bytes, value);
    }
}

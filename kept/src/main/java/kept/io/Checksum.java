package kept.io;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * A 64-bit checksum for accidental changes: CRC-32C and CRC-32 of the same bytes. Both are hardware instructions on current processors, so it is
 * faster than disk access. It does not protect against deliberate changes.
 */
public final class Checksum {
    /** Number of hexadecimal digits of a checksum. */
    public static final int DIGITS = 16;
    private static final long CHUNK = 1 << 20;

    private final CRC32C castagnoli = new CRC32C();
    private final CRC32 ethernet = new CRC32();

    /** Starts a checksum of no bytes. */
    public Checksum() { }

    /**
     * Computes the checksum of bytes.
     *
     * @param bytes a native, mapped or byte-array segment
     * @return {@value #DIGITS} hexadecimal digits
     */
    public static String of(MemorySegment bytes) {
        var checksum = new Checksum();
        checksum.update(bytes);
        return checksum.digits();
    }

    /**
     * Computes the checksum of bytes.
     *
     * @param bytes the bytes
     * @return {@value #DIGITS} hexadecimal digits
     */
    public static String of(byte[] bytes) {
        return of(MemorySegment.ofArray(bytes));
    }

    /**
     * Computes the checksum of numbers.
     *
     * @param numbers the numbers
     * @return {@value #DIGITS} hexadecimal digits
     */
    public static String of(int... numbers) {
        var checksum = new Checksum();
        checksum.update(numbers);
        return checksum.digits();
    }

    /**
     * Adds bytes.
     *
     * @param bytes a native, mapped or byte-array segment
     */
    public void update(MemorySegment bytes) {
        // In pieces, so that the second checksum finds the bytes in the cache.
        for (long done = 0; done < bytes.byteSize(); done += CHUNK) {
            ByteBuffer piece = bytes.asSlice(done, Math.min(CHUNK, bytes.byteSize() - done)).asByteBuffer();
            castagnoli.update(piece.duplicate());
            ethernet.update(piece);
        }
    }

    /**
     * Adds numbers.
     *
     * @param numbers the numbers
     */
    public void update(int... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(numbers.length, Integer.BYTES));
        bytes.asIntBuffer().put(numbers);
        update(MemorySegment.ofBuffer(bytes));
    }

    /**
     * Returns the checksum of all bytes added so far.
     *
     * @return {@value #DIGITS} hexadecimal digits
     */
    public String digits() {
        return "%08x%08x".formatted(castagnoli.getValue(), ethernet.getValue());
    }
}

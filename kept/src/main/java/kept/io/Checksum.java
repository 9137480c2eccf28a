package kept.io;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * A checksum of 64 bits that finds accidental changes: CRC-32C and CRC-32 of the same bytes. Both are instructions of today's processors, so that it
 * is faster than any disk. It is no protection against a forger.
 */
public final class Checksum {
    /** Hexadecimal digits of a checksum. */
    public static final int DIGITS = 16;
    private static final long CHUNK = 1 << 20;

    private final CRC32C castagnoli = new CRC32C();
    private final CRC32 ethernet = new CRC32();

    /** Of nothing so far. */
    public Checksum() { }

    /**
     * The checksum of some bytes.
     *
     * @param bytes native, mapped or in an array of bytes
     * @return {@value #DIGITS} hexadecimal digits
     */
    public static String of(MemorySegment bytes) {
        var checksum = new Checksum();
        checksum.update(bytes);
        return checksum.digits();
    }

    /**
     * The checksum of some numbers.
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
     * Takes more bytes in.
     *
     * @param bytes native, mapped or in an array of bytes
     */
    public void update(MemorySegment bytes) {
        // Piece by piece, so that the second checksum finds the bytes in a cache.
        for (long done = 0; done < bytes.byteSize(); done += CHUNK) {
            ByteBuffer piece = bytes.asSlice(done, Math.min(CHUNK, bytes.byteSize() - done)).asByteBuffer();
            castagnoli.update(piece.duplicate());
            ethernet.update(piece);
        }
    }

    /**
     * Takes numbers in.
     *
     * @param numbers the numbers
     */
    public void update(int... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(numbers.length, Integer.BYTES));
        bytes.asIntBuffer().put(numbers);
        update(MemorySegment.ofBuffer(bytes));
    }

    /**
     * The checksum of all bytes so far.
     *
     * @return {@value #DIGITS} hexadecimal digits
     */
    public String digits() {
        return "%08x%08x".formatted(castagnoli.getValue(), ethernet.getValue());
    }
}

package kept.corpus;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** The content of a compressed file, which knows how much of the file it has read. */
abstract class PackedStream extends InputStream {
    /** The number of bytes by which a compressed file is known. */
    static final int MAGIC_BYTES = 4;

    private static final byte[] GZIP = {0x1F, (byte) 0x8B};
    private static final byte[] ZSTD = {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD};

    /** The compression of a file that begins with some bytes. */
    static TextFormat.Packing packing(byte... magic) {
        if (magic.length >= GZIP.length && Arrays.equals(magic, 0, GZIP.length, GZIP, 0, GZIP.length)) {
            return TextFormat.Packing.GZIP;
        }
        return Arrays.equals(magic, ZSTD) ? TextFormat.Packing.ZSTD : TextFormat.Packing.NONE;
    }

    /** The number of bytes of the file that have been decompressed for the content read so far. */
    abstract long position();

    @Override
    public final int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public abstract int read(byte[] target, int from, int count) throws IOException;
}

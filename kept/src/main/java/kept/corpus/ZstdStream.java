package kept.corpus;

import com.github.luben.zstd.ZstdIOException;
import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.Locale;

/**
 * The content of a zstd file, including all of its frames (RFC 8878), decompressed by the reference library. Windows of up to 2 GiB are read, which
 * {@code zstd --long=31} writes. Its checksums, where there are any, are checked by the library; a file that ends within a frame is an error.
 */
final class ZstdStream extends PackedStream {
    private static final int LONGEST_WINDOW = 31;

    private final Counted packed;
    private final ZstdInputStreamNoFinalizer content;

    /**
     * Prepares to read the first frame.
     *
     * @param in the file's bytes; closed with this
     * @throws IOException if they are no zstd file, or the library does not load
     */
    ZstdStream(InputStream in) throws IOException {
        var peeked = new PushbackInputStream(in, MAGIC_BYTES);
        byte[] magic = peeked.readNBytes(MAGIC_BYTES);
        if (magic.length == 0) {
            throw new IOException("it is empty, which no zstd file is");
        }
        boolean isSkippable = magic.length == MAGIC_BYTES && (magic[0] & 0xF0) == 0x50 && magic[1] == 0x2A && magic[2] == 0x4D && magic[3] == 0x18;
        if (!isSkippable && packing(magic) != TextFormat.Packing.ZSTD) {
            throw new IOException("it is not packed by zstd, although its name ends in .zst");
        }
        peeked.unread(magic);
        packed = new Counted(peeked);
        try {
            content = new ZstdInputStreamNoFinalizer(packed).setLongMax(LONGEST_WINDOW);
        } catch (LinkageError e) {
            throw new IOException("the native library of zstd does not load (%s); -Djava.io.tmpdir chooses where it is unpacked"
                    .formatted(e.getMessage()), e);
        }
    }

    @Override
    long position() {
        return packed.count;
    }

    @Override
    public int read(byte[] target, int from, int count) throws IOException {
        try {
            return content.read(target, from, count);
        } catch (ZstdIOException e) {
            throw new IOException("zstd data up to byte %d of the packed file: %s: is the file complete?".formatted(
                    packed.count, e.getMessage().toLowerCase(Locale.ROOT)), e);
        }
    }

    @Override
    public void close() throws IOException {
        content.close();
    }

    /** Counts what the library has read. */
    private static final class Counted extends FilterInputStream {
        private long count;

        Counted(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            count += b < 0 ? 0 : 1;
            return b;
        }

        @Override
        public int read(byte[] target, int from, int length) throws IOException {
            int read = super.read(target, from, length);
            count += Math.max(0, read);
            return read;
        }
    }
}

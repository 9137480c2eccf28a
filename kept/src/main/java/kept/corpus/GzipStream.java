package kept.corpus;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The content of a gzip file, including all of its members (RFC 1952). Unlike the JDK's reader it checks the bytes after a member: another whole
 * member, or zeros as on tapes; anything else is an error, because it may be text that would be lost.
 */
final class GzipStream extends PackedStream {
    private static final int MAGIC = 0x1F8B;
    private static final int DEFLATE = 8;
    private static final int HEADER_CHECKSUM = 2;
    private static final int EXTRA = 4;
    private static final int NAME = 8;
    private static final int COMMENT = 16;
    private static final int RESERVED = 0xE0;

    private final InputStream in;
    private final Inflater inflater = new Inflater(true);
    private final CRC32 checksum = new CRC32();
    private final byte[] packed = new byte[1 << 16];
    private int at;
    private int filled;
    /** Bytes of the file up to {@link #filled}. */
    private long taken;

    private long members;
    private boolean ended;

    /**
     * Reads the first member's header.
     *
     * @param in the file's bytes; closed with this
     * @throws IOException if they are no gzip file
     */
    GzipStream(InputStream in) throws IOException {
        this.in = in;
        int first = next();
        if (first < 0) {
            throw new IOException("it is empty, which no gzip file is");
        }
        if (first != MAGIC >> 8 || next() != (MAGIC & 0xFF)) {
            throw new IOException("it is not packed by gzip, although its name ends in .gz");
        }
        readHeader();
    }

    @Override
    long position() {
        return taken - (filled - at);
    }

    @Override
    public int read(byte[] target, int from, int count) throws IOException {
        if (count == 0) {
            return 0;
        }
        while (!ended) {
            int unpacked = inflate(target, from, count);
            if (unpacked > 0) {
                checksum.update(target, from, unpacked);
                return unpacked;
            }
            if (inflater.finished()) {
                endMember();
            }
        }
        return -1;
    }

    /** Decompresses the available input. Returns 0 at the end of a member, or if it needed more input, which it then has read. */
    private int inflate(byte[] target, int from, int count) throws IOException {
        if (inflater.needsInput() && !inflater.finished()) {
            if (at == filled && !fill()) {
                throw damaged("ends in the middle");
            }
            inflater.setInput(packed, at, filled - at);
        }
        try {
            int unpacked = inflater.inflate(target, from, count);
            at = filled - inflater.getRemaining();
            if (unpacked == 0 && inflater.needsDictionary()) {
                throw damaged("is damaged");
            }
            return unpacked;
        } catch (DataFormatException e) {
            throw damaged("is damaged");
        }
    }

    private void endMember() throws IOException {
        long expected = word();
        long size = word();
        if (expected != checksum.getValue() || size != (inflater.getBytesWritten() & 0xFFFFFFFFL)) {
            throw damaged("is damaged: its content does not have its checksum");
        }
        int b = next();
        boolean zeros = b == 0;
        while (b == 0) {
            b = next();
        }
        if (b < 0) {
            ended = true;
            return;
        }
        if (zeros || b != MAGIC >> 8 || next() != (MAGIC & 0xFF)) {
            throw new IOException("after gzip member %d what follows at byte %d is no gzip member: is it damaged, or was a file appended?"
                    .formatted(members, position() - 1));
        }
        inflater.reset();
        checksum.reset();
        readHeader();
    }

    /** The header after its two magic bytes. */
    private void readHeader() throws IOException {
        members++;
        int method = required();
        int flags = required();
        if (method != DEFLATE || (flags & RESERVED) != 0) {
            throw damaged("is damaged, or packed in a way that is not gzip's");
        }
        skip(6);
        if ((flags & EXTRA) != 0) {
            skip(required() | required() << 8);
        }
        for (int text : new int[] {NAME, COMMENT}) {
            while ((flags & text) != 0 && required() != 0) {
                // A name or a comment ends in a zero.
                continue;
            }
        }
        if ((flags & HEADER_CHECKSUM) != 0) {
            skip(2);
        }
    }

    private void skip(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            required();
        }
    }

    private long word() throws IOException {
        return required() | required() << 8 | required() << 16 | (long) required() << 24;
    }

    private int required() throws IOException {
        int b = next();
        if (b < 0) {
            throw damaged("ends in the middle");
        }
        return b;
    }

    private int next() throws IOException {
        return at < filled || fill() ? packed[at++] & 0xFF : -1;
    }

    private boolean fill() throws IOException {
        int read = in.read(packed, 0, packed.length);
        at = 0;
        filled = Math.max(0, read);
        taken += filled;
        return read > 0;
    }

    private IOException damaged(String what) {
        return new IOException("gzip member %d %s (byte %d of the packed file): is the file complete?".formatted(members, what, position()));
    }

    @Override
    public void close() throws IOException {
        inflater.end();
        in.close();
    }
}

package kept.distill;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** The bytes of a text file and the place reached in them, so that an error can say where it is. */
final class ByteSource implements AutoCloseable {
    private final InputStream bytes;
    private final String where;
    private long offset;

    ByteSource(InputStream bytes, String where) {
        this.bytes = bytes;
        this.where = where;
    }

    /** The file, for messages. */
    String where() {
        return where;
    }

    /** How many bytes have been read. */
    long offset() {
        return offset;
    }

    /** The next byte, or -1 at the end. */
    int read() {
        try {
            int b = bytes.read();
            offset += b < 0 ? 0 : 1;
            return b;
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    /** Fills a part of an array as far as there are bytes; returns how many there were. */
    int read(byte[] target, int from, int count) {
        try {
            int read = bytes.readNBytes(target, from, count);
            offset += read;
            return read;
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    private CorpusException unreadable(IOException e) {
        return new CorpusException("[corpus] " + where + " cannot be read on at byte " + offset + ": " + e.getMessage() + "; is the file whole?", e);
    }

    /**
     * The text of some bytes.
     *
     * @param utf8 the bytes, whole characters
     * @param length how many of them
     * @param start where in the file the first of them lies
     * @return the text
     * @throws CorpusException if they are no UTF-8
     */
    String text(byte[] utf8, int length, long start) {
        ByteBuffer in = ByteBuffer.wrap(utf8, 0, length);
        CharBuffer out = CharBuffer.allocate(length);
        CoderResult result = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT).decode(in, out, true);
        if (result.isError()) {
            throw new CorpusException("[corpus] %s is not UTF-8: byte 0x%02X at offset %d; convert the file to UTF-8"
                    .formatted(where, utf8[in.position()], start + in.position()));
        }
        return out.flip().toString();
    }

    @Override
    public void close() {
        try {
            bytes.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package kept.corpus;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import kept.text.LfsPointer;
import kept.text.Reasons;
import kept.text.TextFiles;

/**
 * The bytes of a text file, and the position in them for error messages. The first bytes are examined: a byte order mark of UTF-8 is skipped; another
 * encoding or a compressed file is reported by its name.
 */
final class ByteSource implements AutoCloseable {
    private static final int BEGINNING = 24;
    private static final int BYTE_ORDER_MARK = 3;
    /** The maximum white space without text; a compressed file can contain an endless amount of it. */
    private static final long MAX_BLANK_BYTES = 1L << 30;

    private final InputStream bytes;
    private final String where;
    private final byte[] buffer = new byte[1 << 16];
    private int at;
    private int filled;
    /** Bytes of the text up to {@link #filled}. */
    private long taken;

    private byte[] line = new byte[1 << 13];
    private int lineLength;
    private long blank;

    ByteSource(InputStream bytes, String where) {
        this.bytes = bytes;
        this.where = where;
        begin();
    }

    private void begin() {
        fillTo(BEGINNING);
        if (LfsPointer.isBegun(buffer, filled)) {
            fillTo(LfsPointer.MAX_BYTES + 1);
        }
        LfsPointer.problem(buffer, filled).ifPresent(problem -> {
            throw new CorpusException("[corpus] %s %s".formatted(where, problem));
        });
        Optional<String> encoding = TextFiles.otherEncoding(buffer, filled);
        if (encoding.isPresent()) {
            throw new CorpusException("[corpus] %s is not UTF-8 but %s, by its first bytes: convert it, for example with iconv -f %2$s -t UTF-8"
                    .formatted(where, encoding.get()));
        }
        packed().ifPresent(kind -> {
            throw new CorpusException("[corpus] %s is not text but %s: unpack it, or give it the name that says so".formatted(where, kind));
        });
        at = startsWith(0xEF, 0xBB, 0xBF) ? BYTE_ORDER_MARK : 0;
    }

    private void fillTo(int wanted) {
        while (filled < wanted) {
            int read = readRaw(buffer, filled, buffer.length - filled);
            if (read < 0) {
                return;
            }
            filled += read;
            taken += read;
        }
    }

    /** Files that are often mistaken for text because of their name. */
    private Optional<String> packed() {
        if (startsWith('P', 'K', 3, 4)) {
            return Optional.of("a zip archive");
        }
        TextFormat.Packing packing = PackedStream.packing(Arrays.copyOf(buffer, PackedStream.MAGIC_BYTES));
        if (packing != TextFormat.Packing.NONE) {
            return Optional.of("packed by " + packing.name().toLowerCase(Locale.ROOT));
        }
        if (startsWith(0xFD, '7', 'z', 'X', 'Z', 0)) {
            return Optional.of("packed by xz");
        }
        if (startsWith('B', 'Z', 'h') && filled > 4 && buffer[4] == 0x31) {
            return Optional.of("packed by bzip2");
        }
        return startsWith('P', 'A', 'R', '1') ? Optional.of("a Parquet file") : Optional.empty();
    }

    private boolean startsWith(int... magic) {
        for (int i = 0; i < magic.length; i++) {
            if (i >= filled || (buffer[i] & 0xFF) != magic[i]) {
                return false;
            }
        }
        return true;
    }

    /** The file, for messages. */
    String where() {
        return where;
    }

    /** The number of bytes of the text that have been read. */
    long offset() {
        return taken - (filled - at);
    }

    /**
     * The number of bytes of the file that have been read; for a compressed file the compressed bytes, which are a little ahead of the text.
     *
     * @param ahead bytes of the text that were read but not used yet
     */
    long position(int ahead) {
        return bytes instanceof PackedStream packed ? packed.position() : offset() - ahead;
    }

    /** Whether the first character that is not white space begins a JSON array; looks at the first bytes alone. */
    boolean startsWithArray() {
        for (int i = at; i < filled || more(i); i++) {
            if (buffer[i] > ' ') {
                return buffer[i] == '[';
            }
        }
        return false;
    }

    /** Reads on behind the bytes that are not used yet; false if that is not possible. */
    private boolean more(int wanted) {
        if (wanted == buffer.length) {
            return false;
        }
        fillTo(wanted + 1);
        return filled > wanted;
    }

    /** The next byte; negative at the end. */
    int next() {
        return at < filled || fill() ? buffer[at++] & 0xFF : -1;
    }

    /** Fills a part of an array as far as there are bytes; returns how many there were. */
    int read(byte[] target, int from, int count) {
        int done = 0;
        while (done < count && (at < filled || fill())) {
            int part = Math.min(count - done, filled - at);
            System.arraycopy(buffer, at, target, from + done, part);
            at += part;
            done += part;
        }
        return done;
    }

    /**
     * Reads a line, whose end is a line feed, a carriage return, or both.
     *
     * @param longest the maximum length in bytes
     * @return false at the end of the text, or if the line is longer; {@link #lineLength} is negative then
     */
    boolean nextLine(int longest) {
        lineLength = 0;
        boolean any = false;
        while (at < filled || fill()) {
            any = true;
            int end = at;
            while (end < filled && buffer[end] != '\n' && buffer[end] != '\r') {
                end++;
            }
            if (end - at > longest - lineLength) {
                lineLength = -1;
                return false;
            }
            append(end - at);
            if (end < filled) {
                skipLineEnd();
                return true;
            }
        }
        return any;
    }

    private void append(int count) {
        if (count > line.length - lineLength) {
            line = Arrays.copyOf(line, Math.max(lineLength + count, (int) Math.min(2L * line.length, Integer.MAX_VALUE - 16)));
        }
        System.arraycopy(buffer, at, line, lineLength, count);
        lineLength += count;
        at += count;
    }

    private void skipLineEnd() {
        if (buffer[at++] == '\r' && (at < filled || fill()) && buffer[at] == '\n') {
            at++;
        }
    }

    /** Bytes of the line that was read; negative if it was too long. */
    int lineLength() {
        return lineLength;
    }

    /** The text of the line that was read, which began at an offset. */
    String line(long start) {
        return text(line, lineLength, start);
    }

    private boolean fill() {
        int read = readRaw(buffer, 0, buffer.length);
        at = 0;
        filled = Math.max(0, read);
        taken += filled;
        return read > 0;
    }

    private int readRaw(byte[] target, int from, int count) {
        try {
            return bytes.read(target, from, count);
        } catch (IOException e) {
            throw new CorpusException("[corpus] %s cannot be read on at byte %d: %s".formatted(where, taken, Reasons.of(e)), e);
        }
    }

    /**
     * The text of some bytes.
     *
     * @param utf8 the bytes, whole characters
     * @param length how many of them
     * @param start the offset of the first one in the file
     * @return the text
     * @throws CorpusException if they are no UTF-8
     */
    String text(byte[] utf8, int length, long start) {
        int bad = TextFiles.firstMalformed(utf8, 0, length);
        if (bad >= 0) {
            throw new CorpusException("[corpus] %s is not UTF-8: byte 0x%02X at offset %d; convert the file to UTF-8"
                    .formatted(where, utf8[bad], start + bad));
        }
        return new String(utf8, 0, length, StandardCharsets.UTF_8);
    }

    /** Counts white space since the last text, and refuses a file that seems to hold nothing else. */
    void countBlank(long count) {
        blank = count == 0 ? 0 : blank + count;
        if (blank > MAX_BLANK_BYTES) {
            throw new CorpusException("[corpus] %s holds nothing but white space for %,d bytes up to offset %d: it is no text"
                    .formatted(where, blank, offset()));
        }
    }

    @Override
    public void close() {
        try {
            bytes.close();
        } catch (IOException e) {
            throw new CorpusException("[corpus] %s cannot be closed: %s".formatted(where, Reasons.of(e)), e);
        }
    }
}

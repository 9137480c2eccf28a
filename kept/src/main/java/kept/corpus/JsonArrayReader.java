package kept.corpus;

import java.util.Arrays;

/** A file that is one JSON array of objects. One element is in memory at a time. */
final class JsonArrayReader extends JsonReader {
    private byte[] element = new byte[1 << 13];
    private int length;
    private long start;
    /** The line of the byte that is read next, and that where the element begins. */
    private long line = 1;
    private long startLine;
    private long number;
    private boolean begun;
    private boolean ended;

    JsonArrayReader(ByteSource source, String name, String field) {
        super(source, name, field);
    }

    @Override
    protected String nextRecord() {
        return !ended && nextElement() ? source.text(element, length, start) : null;
    }

    @Override
    protected long number() {
        return number;
    }

    @Override
    protected String place() {
        return "[corpus] %s, element %d (line %d, byte %d)".formatted(source.where(), number, startLine, start);
    }

    /** Reads up to the end of an element; false at the end of the array, after which nothing but white space may follow. */
    private boolean nextElement() {
        int first = nextVisible();
        if (!begun) {
            begun = true;
            // The array's bracket, by which its form was told.
            first = nextVisible();
            if (first == ']') {
                return end();
            }
        }
        number++;
        start = source.offset() - 1;
        startLine = line;
        length = 0;
        return collect(first);
    }

    /** Collects an element from its first byte on, to the comma or bracket after it. */
    private boolean collect(int first) {
        int depth = 0;
        boolean quoted = false;
        boolean escaped = false;
        for (int b = first; b >= 0; b = nextByte()) {
            if (quoted) {
                quoted = escaped || b != '"';
                escaped = !escaped && b == '\\';
            } else if (depth == 0 && (b == ',' || b == ']')) {
                ended = b == ']';
                if (ended) {
                    end();
                }
                requireElement(b);
                return true;
            } else {
                quoted = b == '"';
                // A bracket too many stays in the element, of which the parser says so.
                depth = Math.max(0, depth + (b == '{' || b == '[' ? 1 : b == '}' || b == ']' ? -1 : 0));
            }
            append((byte) b);
        }
        throw new CorpusException("[corpus] %s ends in the middle of its JSON array, in or after element %d (line %d, byte %d): is it complete?"
                .formatted(source.where(), number, startLine, start));
    }

    private void requireElement(int after) {
        for (int i = 0; i < length; i++) {
            if (!isBlank(element[i])) {
                return;
            }
        }
        throw new CorpusException("%s is missing: there is nothing before the '%c'".formatted(place(), after));
    }

    private boolean end() {
        ended = true;
        int b = nextVisible();
        if (b >= 0) {
            throw new CorpusException("[corpus] %s: more follows after the end of the JSON array, at line %d, byte %d: a file holds one array"
                    .formatted(source.where(), line, source.offset() - 1));
        }
        return false;
    }

    private void append(byte b) {
        if (length == element.length) {
            if (length >= MAX_RECORD_LENGTH) {
                throw new CorpusException("%s is longer than %,d bytes, which no record may be".formatted(place(), MAX_RECORD_LENGTH));
            }
            element = Arrays.copyOf(element, Math.min(MAX_RECORD_LENGTH, 2 * length));
        }
        element[length++] = b;
    }

    private int nextVisible() {
        int b = nextByte();
        while (b >= 0 && isBlank(b)) {
            b = nextByte();
        }
        return b;
    }

    private int nextByte() {
        int b = source.next();
        line += b == '\n' ? 1 : 0;
        return b;
    }

    private static boolean isBlank(int b) {
        return b == ' ' || b == '\n' || b == '\r' || b == '\t';
    }
}

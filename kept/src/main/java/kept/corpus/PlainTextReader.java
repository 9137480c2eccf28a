package kept.corpus;

/** A text file as documents of at most a mebibyte, cut after a line's end if there is one. A byte order mark is no part of the text. */
final class PlainTextReader implements DocumentReader {
    private static final int LONGEST = 1 << 20;

    private final ByteSource source;
    private final String name;
    private final byte[] buffer = new byte[LONGEST];
    private int filled;
    private int part;

    PlainTextReader(ByteSource source, String name) {
        this.source = source;
        this.name = name;
    }

    @Override
    public Document next() {
        while (true) {
            long start = source.offset() - filled;
            filled += source.read(buffer, filled, buffer.length - filled);
            if (filled == 0) {
                return null;
            }
            int length = filled < buffer.length ? filled : cut();
            String text = source.text(buffer, length, start);
            System.arraycopy(buffer, length, buffer, 0, filled - length);
            filled -= length;
            part++;
            if (!text.isBlank()) {
                source.countBlank(0);
                return new Document(name + '#' + part, text);
            }
            source.countBlank(length);
        }
    }

    /** The index where a full buffer is cut: after its last line, or, if it is a single line, before its last character. */
    private int cut() {
        for (int i = filled; i > 0; i--) {
            if (buffer[i - 1] == '\n') {
                return i;
            }
        }
        for (int i = filled - 1; i > filled - 4; i--) {
            if ((buffer[i] & 0xC0) != 0x80) {
                return i;
            }
        }
        return filled;      // four bytes in a row that begin nothing are no UTF-8: the decoder will say so
    }

    @Override
    public TextExtent extent() {
        return TextExtent.ofFile(source.position(filled), 0);
    }

    @Override
    public void close() {
        source.close();
    }
}

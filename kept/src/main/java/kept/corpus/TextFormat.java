package kept.corpus;

import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import kept.text.Reasons;

/**
 * The format of a file's content, by its name.
 *
 * @param kind the content
 * @param gzip whether it is packed by gzip
 */
record TextFormat(Kind kind, boolean gzip) {
    /** For messages. */
    static final String SUPPORTED = ".txt and .jsonl, both also as .gz, and .zip archives and folders of these";

    private static final byte[] GZIP_MAGIC = {0x1F, (byte) 0x8B};

    /** The content of a file. */
    enum Kind { TEXT, JSON_LINES, ZIP }

    static Optional<TextFormat> of(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        boolean gzip = lower.endsWith(".gz");
        String inner = gzip ? lower.substring(0, lower.length() - 3) : lower;
        if (inner.endsWith(".txt")) {
            return Optional.of(new TextFormat(Kind.TEXT, gzip));
        }
        if (inner.endsWith(".jsonl")) {
            return Optional.of(new TextFormat(Kind.JSON_LINES, gzip));
        }
        return inner.endsWith(".zip") && !gzip ? Optional.of(new TextFormat(Kind.ZIP, false)) : Optional.empty();
    }

    /**
     * Reads a stream of text or JSON lines. Gzip data are unpacked regardless of the name, because no text starts with its magic bytes.
     *
     * @param raw the file's bytes; closed with the reader, or here if they cannot be read
     * @param source where they are from
     * @param field the field of JSON-lines records that holds the text
     * @return its documents
     * @throws CorpusException if the beginning cannot be read, or is no text
     */
    static DocumentReader read(InputStream raw, TextSource source, String field) {
        TextFormat format = of(source.name()).orElseThrow();
        try {
            var peeked = new PushbackInputStream(raw, GZIP_MAGIC.length);
            byte[] magic = peeked.readNBytes(GZIP_MAGIC.length);
            peeked.unread(magic);
            boolean packed = format.gzip() || Arrays.equals(magic, GZIP_MAGIC);
            InputStream bytes = packed ? new ReadAheadStream(new GzipStream(peeked)) : peeked;
            var text = new ByteSource(bytes, packed ? source.where() + " (unpacked)" : source.where());
            return format.kind() == Kind.TEXT ? new PlainTextReader(text, source.name()) : new JsonLinesReader(text, source.name(), field);
        } catch (IOException e) {
            close(raw);
            throw new CorpusException("[corpus] %s cannot be opened: %s".formatted(source.where(), Reasons.of(e)), e);
        } catch (CorpusException e) {
            close(raw);
            throw e;
        }
    }

    private static void close(InputStream raw) {
        try {
            raw.close();
        } catch (IOException e) {
            // The reason for closing is reported.
            return;
        }
    }
}

package kept.corpus;

import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import kept.text.Reasons;

/**
 * The format of a file's content, by its name.
 *
 * @param kind the content
 * @param packing how it is compressed
 */
record TextFormat(Kind kind, Packing packing) {
    /** What archives may hold, for messages. */
    static final String IN_ARCHIVES = ".txt, .md, .jsonl and .json, all also as .gz and .zst";
    /** For messages. */
    static final String SUPPORTED = IN_ARCHIVES + ", .parquet, and .zip archives and folders of these";

    private static final Map<String, Kind> ENDINGS = Map.of(".txt", Kind.TEXT, ".md", Kind.TEXT, ".jsonl", Kind.JSON_LINES, ".json", Kind.JSON,
            ".parquet", Kind.PARQUET, ".zip", Kind.ZIP);
    private static final Map<String, Packing> PACKINGS = Map.of(".gz", Packing.GZIP, ".zst", Packing.ZSTD);

    /** The content of a file. */
    enum Kind {
        TEXT,
        JSON_LINES,
        /** An array of records, or, as some data sets have it, a record on each line. */
        JSON,
        PARQUET,
        ZIP;

        /** Whether it is read from its beginning to its end, and so may be compressed, or lie in an archive. */
        boolean isStream() {
            return this == TEXT || this == JSON_LINES || this == JSON;
        }
    }

    /** The compression of a file. */
    enum Packing { NONE, GZIP, ZSTD }

    static Optional<TextFormat> of(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        Packing packing = PACKINGS.getOrDefault(ending(lower), Packing.NONE);
        String inner = packing == Packing.NONE ? lower : lower.substring(0, lower.length() - ending(lower).length());
        return Optional.ofNullable(ENDINGS.get(ending(inner))).filter(kind -> packing == Packing.NONE || kind.isStream())
                .map(kind -> new TextFormat(kind, packing));
    }

    /** The last dot of a name and what follows it; empty without one. */
    static String ending(String name) {
        int dot = name.lastIndexOf('.');
        return dot < 0 ? "" : name.substring(dot);
    }

    /**
     * Reads a text. Gzip and zstd data are unpacked regardless of the name, because no text starts with their magic bytes.
     *
     * @param raw the file's bytes; closed with the reader, or here if they cannot be read
     * @param source where they are from
     * @param field the field of records that holds the text
     * @return its documents
     * @throws CorpusException if the beginning cannot be read, or is no text
     */
    static DocumentReader read(InputStream raw, TextSource source, String field) {
        TextFormat format = of(source.name()).orElseThrow();
        try {
            var peeked = new PushbackInputStream(raw, PackedStream.MAGIC_BYTES);
            byte[] magic = peeked.readNBytes(PackedStream.MAGIC_BYTES);
            peeked.unread(magic);
            Packing packing = format.packing() != Packing.NONE ? format.packing() : PackedStream.packing(magic);
            var text = switch (packing) {
                case NONE -> new ByteSource(peeked, source.where());
                case GZIP -> unpacked(new GzipStream(peeked), source);
                case ZSTD -> unpacked(new ZstdStream(peeked), source);
            };
            return switch (format.kind()) {
                case TEXT -> new PlainTextReader(text, source.name());
                case JSON -> text.startsWithArray() ? new JsonArrayReader(text, source.name(), field)
                        : new JsonLinesReader(text, source.name(), field);
                default -> new JsonLinesReader(text, source.name(), field);
            };
        } catch (IOException e) {
            close(raw);
            throw new CorpusException("[corpus] %s cannot be opened: %s".formatted(source.where(), Reasons.of(e)), e);
        } catch (CorpusException e) {
            close(raw);
            throw e;
        }
    }

    private static ByteSource unpacked(PackedStream stream, TextSource source) {
        return new ByteSource(new ReadAheadStream(stream), source.where() + " (unpacked)");
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

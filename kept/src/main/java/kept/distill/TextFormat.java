package kept.distill;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import kept.checkpoint.InputFiles;

/**
 * What a file's name says about its content.
 *
 * @param kind the content
 * @param gzip whether it is packed by gzip
 */
record TextFormat(Kind kind, boolean gzip) {
    /** For messages. */
    static final String SUPPORTED = ".txt and .jsonl, both also as .gz, and .zip archives and folders of these";

    private static final int BUFFER = 1 << 16;

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
     * Opens a file.
     *
     * @param file the file
     * @param name its name in the names of documents
     * @param field the field of JSON-lines records that holds the text
     * @return its documents
     */
    DocumentReader open(Path file, String name, String field) {
        InputFiles.irregularity(file).ifPresent(problem -> {
            throw new CorpusException("[corpus] " + file + " " + problem);
        });
        try {
            return kind == Kind.ZIP ? new ZipReader(file, field) : read(Files.newInputStream(file), file.toString(), name, field);
        } catch (IOException e) {
            throw new CorpusException("[corpus] " + file + " cannot be opened: " + e.getMessage(), e);
        }
    }

    /**
     * Reads a stream of text or JSON lines.
     *
     * @param raw the bytes as they lie in the file; closed with the reader, or here when it is no gzip stream although its name says so
     * @param where the file, for messages
     * @param name its name in the names of documents
     * @param field the field of JSON-lines records that holds the text
     * @return its documents
     * @throws IOException if the beginning cannot be read
     */
    DocumentReader read(InputStream raw, String where, String name, String field) throws IOException {
        InputStream bytes;
        try {
            bytes = gzip ? new GZIPInputStream(raw, BUFFER) : new BufferedInputStream(raw, BUFFER);
        } catch (IOException e) {
            raw.close();
            throw e;
        }
        var source = new ByteSource(bytes, gzip ? where + " (unpacked)" : where);
        return kind == Kind.TEXT ? new PlainTextReader(source, name) : new JsonLinesReader(source, name, field);
    }
}

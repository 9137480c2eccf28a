package kept.corpus;

import java.util.Optional;

/**
 * A file with one JSON object a line, each a document. Empty lines are skipped; records whose text is null or white space are skipped and counted.
 */
final class JsonLinesReader implements DocumentReader {
    /** The maximum length of a record in bytes: a longer one is not a single text, and memory must hold it several times. */
    static final int MAX_RECORD_LENGTH = 1 << 26;

    private final ByteSource source;
    private final String name;
    private final RecordText records;
    private long line;
    private long empty;

    JsonLinesReader(ByteSource source, String name, String field) {
        this.source = source;
        this.name = name;
        this.records = new RecordText(field);
    }

    @Override
    public Document next() {
        while (true) {
            long start = source.offset();
            if (!source.nextLine(MAX_RECORD_LENGTH)) {
                if (source.lineLength() < 0) {
                    line++;
                    throw new CorpusException("%s is longer than %,d bytes, which no record may be: is there a line break after each record?"
                            .formatted(place(start), MAX_RECORD_LENGTH));
                }
                return null;
            }
            line++;
            String json = source.line(start);
            if (json.isBlank()) {
                source.countBlank(json.length() + 1L);
                continue;
            }
            source.countBlank(0);
            Optional<Document> document = records.ofJson(json, name + '#' + line, place(start));
            if (document.isPresent()) {
                return document.get();
            }
            empty++;
        }
    }

    private String place(long start) {
        return "[corpus] %s, line %d (byte %d)".formatted(source.where(), line, start);
    }

    @Override
    public TextExtent extent() {
        return TextExtent.ofFile(source.position(0), empty);
    }

    @Override
    public void close() {
        source.close();
    }
}

package kept.corpus;

/** A file with one JSON object a line. Empty lines are skipped. */
final class JsonLinesReader extends JsonReader {
    private long line;
    /** The offset at which the line begins. */
    private long start;

    JsonLinesReader(ByteSource source, String name, String field) {
        super(source, name, field);
    }

    @Override
    protected String nextRecord() {
        start = source.offset();
        while (source.nextLine(MAX_RECORD_LENGTH)) {
            line++;
            String json = source.line(start);
            if (!json.isBlank()) {
                source.countBlank(0);
                return json;
            }
            source.countBlank(json.length() + 1L);
            start = source.offset();
        }
        if (source.lineLength() < 0) {
            line++;
            throw new CorpusException("%s is longer than %,d bytes, which no record may be: is there a line break after each record?"
                    .formatted(place(), MAX_RECORD_LENGTH));
        }
        return null;
    }

    @Override
    protected long number() {
        return line;
    }

    @Override
    protected String place() {
        return "[corpus] %s, line %d (byte %d)".formatted(source.where(), line, start);
    }
}

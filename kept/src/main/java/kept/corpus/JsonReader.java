package kept.corpus;

import java.util.Optional;

/** A file of JSON objects, each a document. Those whose text is null or white space are skipped and counted. */
abstract class JsonReader implements DocumentReader {
    /** The maximum length of a record in bytes: a longer one is not a single text, and memory must hold it several times. */
    static final int MAX_RECORD_LENGTH = 1 << 26;

    /** The file. */
    protected final ByteSource source;

    private final String name;
    private final RecordText records;
    private long empty;

    JsonReader(ByteSource source, String name, String field) {
        this.source = source;
        this.name = name;
        this.records = new RecordText(field);
    }

    /** The text of the next object; null after the last one. */
    protected abstract String nextRecord();

    /** The number in the file of the object that was read last, by which its document is named. */
    protected abstract long number();

    /** The place of the object that was read last, for messages. */
    protected abstract String place();

    @Override
    public final Document next() {
        for (String json = nextRecord(); json != null; json = nextRecord()) {
            Optional<Document> document = records.ofJson(json, name + '#' + number(), place());
            if (document.isPresent()) {
                return document.get();
            }
            empty++;
        }
        return null;
    }

    @Override
    public final TextExtent extent() {
        return TextExtent.ofFile(source.position(0), empty);
    }

    @Override
    public final void close() {
        source.close();
    }
}

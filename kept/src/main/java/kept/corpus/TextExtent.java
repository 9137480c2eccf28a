package kept.corpus;

/**
 * How far a reader has come in its corpus.
 *
 * @param files the number of files started, including entries of archives
 * @param allFiles all files there are
 * @param bytes the bytes read from the files; in packed files the compressed bytes
 * @param allBytes the bytes of all files
 * @param passedOver what was passed over so far
 */
public record TextExtent(long files, long allFiles, long bytes, long allBytes, PassedOver passedOver) {

    /** How far a reader of one file has come, whose size it does not know. */
    static TextExtent ofFile(long bytes, long emptyRecords) {
        return new TextExtent(1, 1, bytes, bytes, PassedOver.NONE.withEmptyRecords(emptyRecords));
    }
}

package kept.corpus;

/**
 * The extent of a corpus that a reader has read so far.
 *
 * @param files the number of files started, including entries of archives
 * @param allFiles all files there are
 * @param bytes the bytes read from the files; in packed files the compressed bytes
 * @param allBytes the bytes of all files
 * @param passedOver counts of what was skipped so far
 */
public record TextExtent(long files, long allFiles, long bytes, long allBytes, PassedOver passedOver) {

    /** The extent that a reader of one file has read, without knowing the file's size. */
    static TextExtent ofFile(long bytes, long emptyRecords) {
        return new TextExtent(1, 1, bytes, bytes, PassedOver.NONE.withEmptyRecords(emptyRecords));
    }
}

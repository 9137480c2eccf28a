package kept.corpus;

/** Reads the documents of a corpus one after another. It keeps files open until it is closed. */
public interface DocumentReader extends AutoCloseable {

    /**
     * The next document.
     *
     * @return the document, or null after the last one
     * @throws CorpusException if the text cannot be read
     */
    Document next();

    /**
     * The extent of the documents returned so far, and, after the last one, of the whole corpus.
     *
     * @return files and bytes read, of how many, and what was passed over
     */
    TextExtent extent();

    /** Closes the files. */
    @Override
    void close();
}

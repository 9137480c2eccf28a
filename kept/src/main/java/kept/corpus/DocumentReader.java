package kept.corpus;

/** Gives the documents of a corpus one after the other. It holds open files until it is closed. */
public interface DocumentReader extends AutoCloseable {

    /**
     * The next document.
     *
     * @return the document, or null after the last one
     * @throws CorpusException if the text cannot be read
     */
    Document next();

    /**
     * How far this has come: what was read for the documents given so far, and, after the last one, all of the corpus.
     *
     * @return files and bytes read, of how many, and what was passed over
     */
    TextExtent extent();

    /** Closes the files. */
    @Override
    void close();
}

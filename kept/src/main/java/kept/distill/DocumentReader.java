package kept.distill;

/** Gives the documents of a corpus one after the other. It holds open files until it is closed. */
public interface DocumentReader extends AutoCloseable {

    /**
     * The next document.
     *
     * @return the document, or null after the last one
     * @throws CorpusException if the text cannot be read
     */
    Document next();

    /** Closes the files. */
    @Override
    void close();
}

package kept.distill;

import java.util.function.Supplier;

/** Readers one after the other, each opened when the one before it has ended and is closed. */
final class ChainedReader implements DocumentReader {
    private final Supplier<DocumentReader> readers;
    private DocumentReader current;
    private boolean ended;

    /** Of readers that the supplier gives, until it gives null. */
    ChainedReader(Supplier<DocumentReader> readers) {
        this.readers = readers;
    }

    @Override
    public Document next() {
        while (!ended) {
            Document document = current == null ? null : current.next();
            if (document != null) {
                return document;
            }
            close();
            current = readers.get();
            ended = current == null;
        }
        return null;
    }

    @Override
    public void close() {
        if (current != null) {
            current.close();
            current = null;
        }
    }
}

package kept.template;

import java.util.Iterator;
import java.util.NoSuchElementException;

/** An iterator whose elements are found by a search that may fail. */
abstract class SearchingIterator implements Iterator<Object> {
    static final Object NONE = new Object();

    private Object next;
    private boolean looked;

    /** Finds the next element; {@link #NONE} if there is none. */
    abstract Object find();

    @Override
    public boolean hasNext() {
        if (!looked) {
            next = find();
            looked = true;
        }
        return next != NONE;
    }

    @Override
    public Object next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        looked = false;
        return next;
    }
}

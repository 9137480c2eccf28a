package kept.template;

import java.util.Iterator;
import java.util.NoSuchElementException;

/** Elements each of which is found by a search that may find none. */
abstract class SearchingIterator implements Iterator<Object> {
    static final Object NONE = new Object();

    private Object next;
    private boolean looked;

    /** The next element, or {@link #NONE}. */
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

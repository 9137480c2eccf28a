package kept.cuda.virtual;

import java.util.BitSet;

/** Reserved addresses, which can be accessed where memory is mapped and access is set. */
final class ReservedRange extends Allocation {
    /** Unit of mappings in bytes. */
    static final long GRANULARITY = 2L << 20;

    private final BitSet mapped = new BitSet();
    private final BitSet accessible = new BitSet();

    ReservedRange(String name, long base, long bytes) {
        super(name, base, bytes);
    }

    private static int unit(long offset) {
        return (int) (offset / GRANULARITY);
    }

    @Override
    boolean contains(long address, long count) {
        if (!super.contains(address, count)) {
            return false;
        }
        synchronized (accessible) {
            return accessible.nextClearBit(unit(address - base)) > unit(address - base + Math.max(0, count - 1));
        }
    }

    /** Returns whether memory is mapped to a part of a range. */
    boolean isMapped(long at, long count) {
        int first = mapped.nextSetBit(unit(at));
        return first >= 0 && first <= unit(at + count - 1);
    }

    void map(long at, long count) {
        mapped.set(unit(at), unit(at + count));
    }

    /** Lets the device access a range; returns false if memory is missing in it. */
    boolean setAccess(long at, long count) {
        synchronized (accessible) {
            accessible.set(unit(at), unit(at + count));
        }
        return mapped.nextClearBit(unit(at)) >= unit(at + count);
    }

    /** Ends the mappings of a range. Its contents are lost: what is mapped there next is other memory. */
    void unmap(long at, long count) {
        mapped.clear(unit(at), unit(at + count));
        synchronized (accessible) {
            accessible.clear(unit(at), unit(at + count));
        }
        discardPages(at, count);
    }

    /** Whether no memory is mapped. */
    boolean isEmpty() {
        return mapped.isEmpty();
    }

    @Override
    String state(long at) {
        return !mapped.get(unit(at)) ? ", where no memory is mapped" : accessible.get(unit(at)) ? "" : ", to which no access was set";
    }
}

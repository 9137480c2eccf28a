package kept.cuda;

import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Places blocks in a range of addresses and never moves them. A block takes the smallest hole that it fits into, the lowest of equal ones; otherwise
 * the range grows at its end. Adjacent holes are joined.
 */
final class BestFit {
    /** An unused range below the end. */
    private record Hole(long at, long bytes) {}

    private final long most;
    private final Map<Long, Long> blocks = new TreeMap<>();
    private final TreeMap<Long, Hole> holes = new TreeMap<>();
    private final TreeSet<Hole> bySize = new TreeSet<>(Comparator.comparingLong(Hole::bytes).thenComparingLong(Hole::at));
    private long end;

    /**
     * Creates an empty range.
     *
     * @param most maximum size of the range in bytes
     */
    BestFit(long most) {
        this.most = most;
    }

    /**
     * Places a block.
     *
     * @param bytes size in bytes, above 0
     * @return offset of its first byte; -1 if no hole is large enough and the range cannot grow by so much
     */
    long allocate(long bytes) {
        Hole hole = bySize.ceiling(new Hole(0, bytes));
        if (hole == null && bytes > most - end) {
            return -1;
        }
        long at = hole == null ? end : hole.at;
        if (hole == null) {
            end += bytes;
        } else {
            remove(hole);
            if (hole.bytes > bytes) {
                add(new Hole(at + bytes, hole.bytes - bytes));
            }
        }
        blocks.put(at, bytes);
        return at;
    }

    /**
     * Frees a block.
     *
     * @param at offset of its first byte
     */
    void free(long at) {
        long from = at;
        long to = at + blocks.remove(at);
        Map.Entry<Long, Hole> below = holes.lowerEntry(at);
        if (below != null && from == below.getKey() + below.getValue().bytes) {
            from = below.getKey();
            remove(below.getValue());
        }
        Hole above = holes.get(to);
        if (above != null) {
            to += above.bytes;
            remove(above);
        }
        if (to == end) {
            end = from;
        } else {
            add(new Hole(from, to - from));
        }
    }

    private void add(Hole hole) {
        holes.put(hole.at, hole);
        bySize.add(hole);
    }

    private void remove(Hole hole) {
        holes.remove(hole.at);
        bySize.remove(hole);
    }

    /**
     * Returns whether a range contains no byte of a block.
     *
     * @param from first byte
     * @param to end of the range, exclusive
     * @return true if all of it lies in a hole or beyond the end
     */
    boolean isUnused(long from, long to) {
        Map.Entry<Long, Hole> hole = holes.floorEntry(from);
        return from >= end || hole != null && (to <= hole.getKey() + hole.getValue().bytes);
    }

    /** Returns the size of the largest hole below the end in bytes; 0 for none. */
    long largestHole() {
        return bySize.isEmpty() ? 0 : bySize.last().bytes;
    }

    /** Returns the end of the highest block. */
    long end() {
        return end;
    }
}

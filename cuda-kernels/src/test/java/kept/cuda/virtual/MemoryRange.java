package kept.cuda.virtual;

import java.util.List;

/**
 * A range of an allocation.
 *
 * @param offset offset of the first byte
 * @param bytes size in bytes
 */
public record MemoryRange(long offset, long bytes) {
    /** Adds a range to ascending ones; one that continues the last becomes part of it. */
    static void add(List<MemoryRange> ranges, long offset, long bytes) {
        MemoryRange last = ranges.isEmpty() ? null : ranges.getLast();
        if (last != null && last.offset + last.bytes == offset) {
            ranges.set(ranges.size() - 1, new MemoryRange(last.offset, last.bytes + bytes));
        } else {
            ranges.add(new MemoryRange(offset, bytes));
        }
    }
}

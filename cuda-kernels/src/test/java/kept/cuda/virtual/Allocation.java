package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** A block of device memory. Its pages are made when they are first accessed, so that a block may be larger than the memory of this process. */
class Allocation {
    private static final int PAGE_SHIFT = Integer.numberOfTrailingZeros(Page.BYTES);

    /** Device address of the first byte. */
    final long base;

    /** Description for messages. */
    final String name;

    /** Requested size in bytes, also after the block is freed. */
    final long bytes;

    /** Accessible size in bytes; 0 after the block is freed, so that every access is out of bounds. */
    volatile long size;

    private volatile boolean released;
    private AtomicReferenceArray<Page> pages;
    /** Contents of the pages that have not been made; null elements, or null, for unwritten memory. */
    private InitialContents[] initial;

    Allocation(String name, long base, long size) {
        this.name = name;
        this.base = base;
        this.bytes = size;
        this.size = size;
        this.pages = new AtomicReferenceArray<>(Math.toIntExact((size + Page.BYTES - 1) >> PAGE_SHIFT));
    }

    /** Whether the host has freed the block; kernels queued before may still use it. */
    boolean isReleased() {
        return released;
    }

    void release() {
        released = true;
    }

    synchronized void free() {
        size = 0;
        for (int i = 0; i < pages.length(); i++) {
            if (pages.get(i) != null) {
                pages.get(i).free();
            }
        }
        pages = new AtomicReferenceArray<>(0);
        initial = null;
    }

    /** Returns whether the block contains a range of addresses. */
    boolean contains(long address, long count) {
        return address >= base && address - base <= size - count;
    }

    /** Returns the page with the byte at an offset. */
    Page page(long at) {
        Page page = pages.get((int) (at >>> PAGE_SHIFT));
        return page != null ? page : make((int) (at >>> PAGE_SHIFT));
    }

    private synchronized Page make(int index) {
        if (pages.get(index) == null) {
            pages.set(index, new Page(this, (long) index << PAGE_SHIFT, sizeOf(index), initial(index)));
        }
        return pages.get(index);
    }

    private int sizeOf(int index) {
        return (int) Math.min(Page.BYTES, size - ((long) index << PAGE_SHIFT));
    }

    /** Receives the parts of a range in order. */
    @FunctionalInterface
    private interface Part {
        /**
         * Takes a part.
         *
         * @param index index of its page
         * @param at first byte in the page
         * @param count bytes of the part
         * @param done bytes of the range before it
         */
        void take(int index, int at, int count, long done);
    }

    private void forEach(long at, long count, Part part) {
        for (long done = 0; done < count;) {
            int index = (int) ((at + done) >>> PAGE_SHIFT);
            int from = (int) ((at + done) & (Page.BYTES - 1));
            int length = (int) Math.min(Page.BYTES - from, count - done);
            part.take(index, from, length, done);
            done += length;
        }
    }

    private InitialContents initial(int index) {
        return initial == null ? null : initial[index];
    }

    private void setInitial(int index, InitialContents contents) {
        if (initial == null) {
            initial = new InitialContents[pages.length()];
        }
        initial[index] = contents;
    }

    /** Gives the whole block contents without making its pages. */
    synchronized void setContents(InitialContents contents) {
        pages = new AtomicReferenceArray<>(pages.length());
        initial = new InitialContents[pages.length()];
        Arrays.fill(initial, contents);
    }

    /** Returns the first byte of a range that has not been written; -1 for none. */
    long firstUnwritten(long at, long count) {
        long[] first = {-1};
        forEach(at, count, (index, from, length, done) -> {
            if (first[0] < 0) {
                Page page = pages.get(index);
                int unwritten = page != null ? page.firstUnwritten(from, length) : initial(index) != null ? -1 : from;
                first[0] = unwritten < 0 ? -1 : at + done + unwritten - from;
            }
        });
        return first[0];
    }

    /** Returns the bytes of a range. */
    byte[] read(long at, int count) {
        byte[] bytes = new byte[count];
        forEach(at, count, (index, from, length, done) -> System.arraycopy(make(index).data, from, bytes, (int) done, length));
        return bytes;
    }

    /** Stores bytes and marks them as written. */
    void write(long at, byte[] from) {
        forEach(at, from.length, (index, place, length, done) -> {
            Page page = make(index);
            System.arraycopy(from, (int) done, page.data, place, length);
            page.markWritten(place, length);
        });
    }

    /** Sets a range to one byte and marks it as written. */
    synchronized void set(long at, long count, byte value) {
        forEach(at, count, (index, from, length, _) -> {
            if (pages.get(index) == null && length == sizeOf(index)) {
                setInitial(index, InitialContents.of(value));
            } else {
                Page page = make(index);
                Arrays.fill(page.data, from, from + length, value);
                page.markWritten(from, length);
            }
        });
    }

    /** Copies a range to another block, with the marks of what has been written. */
    void copy(long at, long count, Allocation to, long place) {
        forEach(at, count, (index, from, length, done) -> {
            Page page = make(index);
            to.forEach(place + done, length, (target, start, part, before) -> {
                Page other = to.make(target);
                System.arraycopy(page.data, from + (int) before, other.data, start, part);
                System.arraycopy(page.written, from + (int) before, other.written, start, part);
            });
        });
    }

    /**
     * Returns a copy of the contents for {@link #firstChange}.
     *
     * @return copies of the pages; null for those that have not been made
     */
    synchronized Page[] snapshot() {
        Page[] copies = new Page[pages.length()];
        for (int i = 0; i < copies.length; i++) {
            copies[i] = pages.get(i) == null && initial(i) == null ? null : make(i).copy();
        }
        return copies;
    }

    /**
     * Compares the contents with a copy.
     *
     * @param before copy of all pages
     * @param mayChange which bytes of each page may have changed; null elements for pages of which none may
     * @return first byte that has changed and may not; -1 for none, or if the block has been freed
     */
    synchronized long firstChange(Page[] before, BitSet[] mayChange) {
        for (int i = 0; i < pages.length(); i++) {
            if (pages.get(i) == null && initial(i) == null) {
                continue;
            }
            Page now = make(i);
            Page then = before[i] == null ? new Page(this, now.offset, now.size, null) : before[i];
            if (now.mismatch(then) < 0) {
                continue;
            }
            for (int at = 0; at < now.size; at++) {
                boolean changed = now.data[at] != then.data[at] || now.written[at] != then.written[at];
                if (changed && (mayChange[i] == null || !mayChange[i].get(at))) {
                    return now.offset + at;
                }
            }
        }
        return -1;
    }

    /** Returns the ranges whose bytes have been written, or changed where there were initial contents. */
    synchronized List<MemoryRange> changes() {
        List<MemoryRange> ranges = new ArrayList<>();
        for (int i = 0; i < pages.length(); i++) {
            if (pages.get(i) != null) {
                addChanges(pages.get(i), new Page(this, pages.get(i).offset, pages.get(i).size, initial(i)), ranges);
            }
        }
        return ranges;
    }

    private static void addChanges(Page now, Page then, List<MemoryRange> ranges) {
        for (int at = 0; at < now.size;) {
            int from = at;
            while (at < now.size && (now.data[at] != then.data[at] || now.written[at] != then.written[at])) {
                at++;
            }
            if (at > from) {
                MemoryRange.add(ranges, now.offset + from, at - from);
            }
            at++;
        }
    }

    /** Removes the pages of a range of whole pages. */
    synchronized void discardPages(long at, long count) {
        forEach(at, count, (index, _, _, _) -> {
            Page page = pages.getAndSet(index, null);
            if (page != null) {
                page.free();
            }
            if (initial != null) {
                initial[index] = null;
            }
        });
    }

    /** Makes a range unwritten. */
    synchronized void forget(long at, long count) {
        forEach(at, count, (index, from, length, _) -> {
            if (pages.get(index) == null && length == sizeOf(index) && initial != null) {
                initial[index] = null;
            } else if (pages.get(index) != null || initial(index) != null) {
                make(index).forget(from, length);
            }
        });
    }

    /** Describes the state of a byte for messages; empty for an ordinary one. */
    String state(long at) {
        return isReleased() ? ", which was freed" : "";
    }

    /** Number of pages. */
    int pages() {
        return pages.length();
    }

    @Override
    public String toString() {
        return "%s of %,d bytes at 0x%x".formatted(name, bytes, base);
    }
}

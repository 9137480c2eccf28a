package kept.cuda.virtual;

import java.util.Arrays;

/** A contiguous part of an allocation: its bytes and, per byte, whether it has been written. An access that is aligned never crosses its end. */
final class Page {
    /** Size of all pages of an allocation but the last. */
    static final int BYTES = 1 << 16;
    /** Fill byte of fresh memory. As bf16 or f32 it is a large number, which shows where a check misses an uninitialized read. */
    private static final byte POISON = (byte) 0x7b;
    private static final long WRITTEN_8 = 0x0101010101010101L;
    private static final int WRITTEN_4 = 0x01010101;
    private static final short WRITTEN_2 = 0x0101;

    final Allocation allocation;

    /** Offset of the first byte in the allocation. */
    final long offset;

    /** Device address of the first byte. */
    final long base;

    /** Accessible size in bytes; 0 after the allocation is freed, so that every access is out of bounds. */
    volatile int size;

    /** Contents. */
    byte[] data;

    /** 1 for each byte that has been written, else 0. */
    byte[] written;

    /**
     * Creates a page.
     *
     * @param initial contents; null if nothing has been written
     */
    Page(Allocation allocation, long offset, int size, InitialContents initial) {
        this.allocation = allocation;
        this.offset = offset;
        this.base = allocation.base + offset;
        this.data = new byte[size];
        this.written = new byte[size];
        if (initial == null) {
            Arrays.fill(data, POISON);
        } else {
            initial.fill(offset, data);
            Arrays.fill(written, (byte) 1);
        }
        this.size = size;
    }

    private Page(Page of) {
        this.allocation = of.allocation;
        this.offset = of.offset;
        this.base = of.base;
        this.data = of.data.clone();
        this.written = of.written.clone();
        this.size = of.size;
    }

    /** Returns a copy of the contents. */
    Page copy() {
        return new Page(this);
    }

    /** Takes the contents of a copy. */
    void restore(Page copy) {
        System.arraycopy(copy.data, 0, data, 0, data.length);
        System.arraycopy(copy.written, 0, written, 0, written.length);
    }

    /** Returns the first byte that has other contents, or has been written in one of them only; -1 for none. */
    int mismatch(Page other) {
        int at = Arrays.mismatch(data, other.data);
        return at >= 0 ? at : Arrays.mismatch(written, other.written);
    }

    void free() {
        size = 0;
        data = new byte[0];
        written = data;
    }

    /** Returns whether all bytes of a range have been written. */
    boolean isWritten(int at, int count) {
        switch (count) {
            case 1:
                return written[at] != 0;
            case 2:
                return Bytes.getShort(written, at) == WRITTEN_2;
            case 4:
                return Bytes.getInt(written, at) == WRITTEN_4;
            default:
                return firstUnwritten(at, count) < 0;
        }
    }

    /** Returns the first byte of a range that has not been written; -1 for none. */
    int firstUnwritten(int at, int count) {
        int i = at;
        for (; i + 8 <= at + count; i += 8) {
            if (Bytes.getLong(written, i) != WRITTEN_8) {
                break;
            }
        }
        for (; i < at + count; i++) {
            if (written[i] == 0) {
                return i;
            }
        }
        return -1;
    }

    /** Makes a range unwritten. */
    void forget(int at, int count) {
        Arrays.fill(data, at, at + count, POISON);
        Arrays.fill(written, at, at + count, (byte) 0);
    }

    void markWritten(int at, int count) {
        switch (count) {
            case 1 -> written[at] = 1;
            case 2 -> Bytes.putShort(written, at, WRITTEN_2);
            case 4 -> Bytes.putInt(written, at, WRITTEN_4);
            case 8 -> Bytes.putLong(written, at, WRITTEN_8);
            default -> Arrays.fill(written, at, at + count, (byte) 1);
        }
    }
}

package kept.cuda.virtual;

import java.util.Arrays;

/** A block of device memory with its bytes and, per byte, whether it has been written. */
final class Allocation {
    /** Fill byte of fresh memory. As bf16 or f32 it is a large number, which shows where a check misses an uninitialized read. */
    private static final byte POISON = (byte) 0x7b;
    private static final long WRITTEN_8 = 0x0101010101010101L;
    private static final int WRITTEN_4 = 0x01010101;
    private static final short WRITTEN_2 = 0x0101;

    /** Device address of the first byte. */
    final long base;

    /** Description for messages. */
    final String name;

    /** Requested size in bytes, also after the block is freed. */
    final long bytes;

    /** Accessible size in bytes; 0 after the block is freed, so that every access is out of bounds. */
    volatile int size;

    private volatile boolean released;

    /** Contents of the block. */
    byte[] data;

    /** 1 for each byte that has been written, else 0. */
    byte[] written;

    Allocation(String name, long base, int size) {
        this.name = name;
        this.base = base;
        this.bytes = size;
        this.size = size;
        this.data = new byte[size];
        this.written = new byte[size];
        Arrays.fill(data, POISON);
    }

    /** Whether the host has freed the block; kernels queued before may still use it. */
    boolean isReleased() {
        return released;
    }

    void release() {
        released = true;
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

    void markWritten(int at, int count) {
        switch (count) {
            case 1 -> written[at] = 1;
            case 2 -> Bytes.putShort(written, at, WRITTEN_2);
            case 4 -> Bytes.putInt(written, at, WRITTEN_4);
            case 8 -> Bytes.putLong(written, at, WRITTEN_8);
            default -> Arrays.fill(written, at, at + count, (byte) 1);
        }
    }

    @Override
    public String toString() {
        return "%s of %,d bytes at 0x%x".formatted(name, bytes, base);
    }
}

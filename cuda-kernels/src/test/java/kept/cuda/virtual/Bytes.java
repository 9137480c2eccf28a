package kept.cuda.virtual;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Reads and writes numbers in byte arrays, little-endian as on the device. */
final class Bytes {
    private static final VarHandle SHORTS = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Bytes() {}

    static short getShort(byte[] bytes, int at) {
        return (short) SHORTS.get(bytes, at);
    }

    static void putShort(byte[] bytes, int at, short value) {
        SHORTS.set(bytes, at, value);
    }

    static int getInt(byte[] bytes, int at) {
        return (int) INTS.get(bytes, at);
    }

    static void putInt(byte[] bytes, int at, int value) {
        INTS.set(bytes, at, value);
    }

    static long getLong(byte[] bytes, int at) {
        return (long) LONGS.get(bytes, at);
    }

    static void putLong(byte[] bytes, int at, long value) {
        LONGS.set(bytes, at, value);
    }

    /** Reads an unsigned number of 1, 2, 4 or 8 bytes. */
    static long get(byte[] bytes, int at, int width) {
        return switch (width) {
            case 1 -> bytes[at] & 0xffL;
            case 2 -> getShort(bytes, at) & 0xffffL;
            case 4 -> getInt(bytes, at) & 0xffffffffL;
            default -> getLong(bytes, at);
        };
    }

    /** Stores the low 1, 2, 4 or 8 bytes. */
    static void put(byte[] bytes, int at, int width, long value) {
        switch (width) {
            case 1 -> bytes[at] = (byte) value;
            case 2 -> putShort(bytes, at, (short) value);
            case 4 -> putInt(bytes, at, (int) value);
            default -> putLong(bytes, at, value);
        }
    }
}

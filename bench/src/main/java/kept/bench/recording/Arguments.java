package kept.bench.recording;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The arguments of a launch, as the kernel receives them. */
public final class Arguments {
    private final ByteBuffer bytes;

    private Arguments(byte[] bytes) {
        this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Copies the arguments of a launch.
     *
     * @param memory arguments in order, each at its natural alignment
     * @return arguments
     */
    static Arguments copyOf(MemorySegment memory) {
        return new Arguments(memory.toArray(ValueLayout.JAVA_BYTE));
    }

    /**
     * Returns the size of all arguments.
     *
     * @return size in bytes
     */
    public int size() {
        return bytes.capacity();
    }

    /**
     * Returns a 64-bit argument.
     *
     * @param offset offset in bytes
     * @return value
     */
    public long longAt(int offset) {
        return bytes.getLong(offset);
    }

    /**
     * Returns a 32-bit argument.
     *
     * @param offset offset in bytes
     * @return value
     */
    public int intAt(int offset) {
        return bytes.getInt(offset);
    }
}

package kept.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.cuda.driver.Parameter;
import kept.tensor.Tensor;

/**
 * A builder of one launch: it takes the arguments in order, then {@link #run} queues the kernel. Each thread reuses one instance, so that a launch
 * allocates no native memory.
 *
 * <p>Arguments are laid out as in a C struct, each at its natural alignment. Where the driver reports a kernel's parameters, every argument is
 * checked against them.
 */
final class Launch {
    private static final long CAPACITY = 4096;

    private final Driver driver;
    private final long stream;
    private final MemorySegment arguments = Arena.ofAuto().allocate(CAPACITY, 16);
    private Kernel kernel;
    private Grid grid;
    private int sharedBytes;
    private long size;
    private int count;

    Launch(Driver driver, long stream) {
        this.driver = driver;
        this.stream = stream;
    }

    /** Starts the next launch. */
    Launch of(Kernel next, Grid over, int shared) {
        kernel = next;
        grid = over;
        sharedBytes = shared;
        size = 0;
        count = 0;
        return this;
    }

    /** Adds the address of a tensor's first element; 0 for null. */
    Launch pointer(Tensor tensor) {
        return i64(Gpu.address(tensor));
    }

    /** Adds a 64-bit integer or an address. */
    Launch i64(long value) {
        arguments.set(ValueLayout.JAVA_LONG, place(8, 8), value);
        return this;
    }

    /** Adds a 32-bit integer. */
    Launch i32(int value) {
        arguments.set(ValueLayout.JAVA_INT, place(4, 4), value);
        return this;
    }

    /** Adds a 32-bit float. */
    Launch f32(double value) {
        arguments.set(ValueLayout.JAVA_FLOAT, place(4, 4), (float) value);
        return this;
    }

    /** Adds a 64-bit float. */
    Launch f64(double value) {
        return i64(Double.doubleToRawLongBits(value));
    }

    /** Adds a struct of 64-bit integers by value. */
    Launch longs(long... values) {
        long offset = place(8L * values.length, 8);
        for (int i = 0; i < values.length; i++) {
            arguments.set(ValueLayout.JAVA_LONG, offset + 8L * i, values[i]);
        }
        return this;
    }

    /** Queues the kernel on the stream. */
    void run() {
        if (kernel.parameters() != null && kernel.parameters().size() != count) {
            throw new IllegalStateException("[launch] %s takes %d arguments, not %d".formatted(kernel.name(), kernel.parameters().size(), count));
        }
        driver.launch(kernel.handle(), grid, sharedBytes, stream, arguments.asSlice(0, size));
    }

    private long place(long bytes, long alignment) {
        long offset = Math.ceilDiv(size, alignment) * alignment;
        if (kernel.parameters() != null) {
            Parameter expected = count < kernel.parameters().size() ? kernel.parameters().get(count) : null;
            if (expected == null || expected.offset() != offset || expected.size() != bytes) {
                throw new IllegalStateException("[launch] argument %d of %s: %d bytes at offset %d, but the kernel has %s"
                        .formatted(count, kernel.name(), bytes, offset, expected == null ? "no such argument" : expected));
            }
        }
        count++;
        size = offset + bytes;
        return offset;
    }
}

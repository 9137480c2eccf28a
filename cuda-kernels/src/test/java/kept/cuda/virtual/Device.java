package kept.cuda.virtual;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import kept.cuda.driver.Grid;

/** Test helper: a virtual GPU with a context, a stream, and short methods to copy and launch. */
final class Device {
    final VirtualGpu gpu;
    final VirtualDriver driver;
    final long stream;

    Device(VirtualGpu gpu) {
        this.gpu = gpu;
        this.driver = gpu.driver();
        driver.makeCurrent(driver.retainPrimaryContext(0));
        this.stream = driver.createStream();
    }

    Device() {
        this(VirtualGpu.open());
    }

    /** Allocates uninitialized memory. */
    long empty(long bytes) {
        return driver.allocate(bytes, stream);
    }

    long upload(byte[] bytes) {
        long address = empty(bytes.length);
        copy(bytes, address);
        return address;
    }

    void copy(byte[] bytes, long address) {
        try (Arena arena = Arena.ofConfined()) {
            driver.copyToDevice(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), address, stream);
        }
    }

    long upload(int... values) {
        ByteBuffer bytes = buffer(4 * values.length);
        for (int value : values) {
            bytes.putInt(value);
        }
        return upload(bytes.array());
    }

    long upload(long... values) {
        ByteBuffer bytes = buffer(8 * values.length);
        for (long value : values) {
            bytes.putLong(value);
        }
        return upload(bytes.array());
    }

    long upload(float... values) {
        ByteBuffer bytes = buffer(4 * values.length);
        for (float value : values) {
            bytes.putFloat(value);
        }
        return upload(bytes.array());
    }

    ByteBuffer download(long address, int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(Math.max(bytes, 1)).asSlice(0, bytes);
            driver.copyToHost(address, memory, stream);
            return ByteBuffer.wrap(memory.toArray(ValueLayout.JAVA_BYTE)).order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    int[] ints(long address, int count) {
        int[] values = new int[count];
        download(address, 4 * count).asIntBuffer().get(values);
        return values;
    }

    long[] longs(long address, int count) {
        long[] values = new long[count];
        download(address, 8 * count).asLongBuffer().get(values);
        return values;
    }

    float[] floats(long address, int count) {
        float[] values = new float[count];
        download(address, 4 * count).asFloatBuffer().get(values);
        return values;
    }

    /** Loads a PTX text and returns its kernel. */
    long kernel(String name, String ptx, String entry) {
        long library = driver.loadLibrary(name, ptx);
        return driver.kernel(library, entry);
    }

    /** Launches a kernel with arguments of type Integer, Float, Long or Double. */
    void launch(long kernel, Grid grid, int sharedBytes, Number... arguments) {
        ByteBuffer bytes = buffer(8 * arguments.length);
        for (Number argument : arguments) {
            int size = argument instanceof Long || argument instanceof Double ? 8 : 4;
            while (bytes.position() % size != 0) {
                bytes.put((byte) 0);
            }
            switch (argument) {
                case Integer i -> bytes.putInt(i);
                case Float f -> bytes.putFloat(f);
                case Double d -> bytes.putDouble(d);
                default -> bytes.putLong(argument.longValue());
            }
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(Math.max(bytes.position(), 1), 16);
            MemorySegment.copy(bytes.array(), 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.position());
            driver.launch(kernel, grid, sharedBytes, stream, memory.asSlice(0, bytes.position()));
        }
    }

    /** Returns a kernel of a PTX file among the test resources. */
    long kernel(String name, String entry) {
        return kernel(name, resource(name + ".ptx"), entry);
    }

    static String resource(String name) {
        try (var in = Device.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}

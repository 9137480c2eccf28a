package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.TreeSet;
import java.util.function.LongToDoubleFunction;
import java.util.stream.LongStream;
import kept.backend.TensorMemory;
import kept.cuda.virtual.MemoryRange;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Operands with more than 2^31 elements. Their contents are a function of an element's index, of a launch only some blocks run, and what these write
 * is compared with a function as well.
 */
final class LargeOperands {
    /** Numbers of elements at which an index or a byte offset of elements of 2, 4 or 8 bytes needs a 32nd or 33rd bit. */
    private static final long[] EDGES = {1L << 28, 1L << 29, 1L << 30, 1L << 31, 1L << 32};
    private static final int CHUNK = 1 << 20;

    private final VirtualGpu gpu = SizedCudaProvider.largeGpu();

    /** Returns the backend. */
    static CudaBackend backend() {
        return (CudaBackend) SizedCudaProvider.large().backend().unguarded();
    }

    /**
     * Returns a number from -2 to 2 that is exact in every floating type.
     *
     * @param seed another sequence of numbers
     * @param i index of the number
     */
    static double value(int seed, long i) {
        long bits = (i + 1) * 0x9e3779b97f4a7c15L + seed * 0xd1b54a32d192ed03L;
        bits = (bits ^ bits >>> 30) * 0xbf58476d1ce4e5b9L;
        bits = (bits ^ bits >>> 27) * 0x94d049bb133111ebL;
        return ((bits >>> 40 & 0xff) - 127.5) / 64;
    }

    /** Returns a tensor whose elements are {@link #value}. */
    Tensor operand(DType dtype, int seed, long... shape) {
        return operand(dtype, i -> value(seed, i), shape);
    }

    /** Returns a tensor whose elements are a function of their row-major index. */
    Tensor operand(DType dtype, LongToDoubleFunction values, long... shape) {
        Tensor tensor = Tensor.empty(dtype, Shape.of(shape));
        int width = dtype.bytes();
        gpu.setContents(address(tensor), (offset, bytes) -> {
            ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at < bytes.length; at += width) {
                double value = values.applyAsDouble((offset + at) / width);
                switch (dtype) {
                    case F32 -> buffer.putFloat((float) value);
                    case BF16 -> buffer.putShort((short) (Float.floatToRawIntBits((float) value) >>> 16));
                    case F16 -> buffer.putShort(Float.floatToFloat16((float) value));
                    case I32 -> buffer.putInt((int) value);
                    case I64 -> buffer.putLong((long) value);
                    default -> buffer.put((byte) value);
                }
            }
        });
        return tensor;
    }

    /** Returns memory for F64 elements, as a tensor of words, because there are no F64 tensors on the device. */
    static Tensor doubles(long count) {
        return Tensor.empty(DType.I64, Shape.of(count));
    }

    /** Returns F64 elements that are a function of their index. */
    Tensor doubles(LongToDoubleFunction values, long count) {
        Tensor tensor = doubles(count);
        gpu.setContents(address(tensor), (offset, bytes) -> {
            ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at < bytes.length; at += Double.BYTES) {
                buffer.putDouble(values.applyAsDouble((offset + at) / Double.BYTES));
            }
        });
        return tensor;
    }

    static long address(Tensor tensor) {
        return ((CudaBuffer) TensorMemory.buffer(tensor)).address();
    }

    /**
     * Runs only some blocks of the next launches: the first, the last, and those with the elements where an index or an offset needs more bits.
     *
     * @param elements elements that the blocks divide among each other in order
     */
    LargeOperands sample(long elements) {
        gpu.sampleBlocks(LongStream.of(EDGES).filter(edge -> edge < elements).mapToDouble(edge -> (double) edge / elements).toArray());
        return this;
    }

    /** Runs only some blocks of the next launches: the first, the last, and those around places in the grid, each a share of all blocks. */
    LargeOperands sampleAt(double... shares) {
        gpu.sampleBlocks(shares);
        return this;
    }

    /** Compares what has been written of a result, which includes its first and last elements and those of {@link #sample}. */
    void assertElements(Tensor out, LongToDoubleFunction expected, double tolerance) {
        long count = out.elementCount();
        var required = new TreeSet<>(List.of(0L, count - 1));
        for (long edge : EDGES) {
            if (edge < count) {
                required.addAll(List.of(edge - 1, edge));
            }
        }
        assertElements(out, expected, tolerance, required.stream().mapToLong(Long::longValue).toArray());
    }

    /** Compares what has been written of a result, which includes given elements. */
    void assertElements(Tensor out, LongToDoubleFunction expected, double tolerance, long... required) {
        assertElements(out, out.dtype(), expected, tolerance, required);
    }

    /** Compares what has been written of F64 elements, which includes given ones. */
    void assertDoubles(Tensor out, LongToDoubleFunction expected, double tolerance, long... required) {
        assertElements(out, DType.F64, expected, tolerance, required);
    }

    private void assertElements(Tensor out, DType dtype, LongToDoubleFunction expected, double tolerance, long... required) {
        int width = dtype.bytes();
        for (long i : required) {
            compare(out, dtype, i, 1, expected, tolerance);
        }
        List<MemoryRange> changes = gpu.changes(address(out));
        assertThat(changes).as("nothing was written").isNotEmpty();
        for (MemoryRange range : changes) {
            long end = Math.ceilDiv(range.offset() + range.bytes(), (long) width);
            for (long i = range.offset() / width; i < end; i += CHUNK) {
                compare(out, dtype, i, (int) Math.min(CHUNK, end - i), expected, tolerance);
            }
        }
    }

    private static void compare(Tensor out, DType dtype, long first, int count, LongToDoubleFunction expected, double tolerance) {
        byte[] bytes = new byte[count * dtype.bytes()];
        backend().gpu().download(address(out) + first * dtype.bytes(), MemorySegment.ofArray(bytes));
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            double actual = switch (dtype) {
                case F64 -> buffer.getDouble();
                case F32 -> buffer.getFloat();
                case BF16 -> Float.intBitsToFloat(buffer.getShort() << 16);
                case F16 -> Float.float16ToFloat(buffer.getShort());
                case I32 -> buffer.getInt();
                case I64 -> buffer.getLong();
                default -> buffer.get() & 0xff;
            };
            double wanted = expected.applyAsDouble(first + i);
            if (!(Math.abs(actual - wanted) <= tolerance * Math.max(1, Math.abs(wanted)))) {
                throw new AssertionError("element %,d of %s is %s, not %s".formatted(first + i, out.shape(), actual, wanted));
            }
        }
    }
}

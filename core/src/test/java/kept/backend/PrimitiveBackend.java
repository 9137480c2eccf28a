package kept.backend;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.LongStream;
import kept.backend.composition.Philox;
import kept.tensor.DType;
import kept.tensor.OutOfMemoryException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The smallest device there can be: memory in byte arrays, and the primitive kernels as loops over single elements. All fused kernels are the
 * compositions that {@link FusedKernels} gives.
 */
public final class PrimitiveBackend implements Backend {
    private long inUse;
    private long peak;
    private long obtained;

    private record Block(MemorySegment memory) implements Buffer {
        @Override
        public long byteSize() {
            return memory.byteSize();
        }
    }

    /** A device that holds nothing yet. */
    public PrimitiveBackend() {}

    @Override
    public String name() {
        return "primitive";
    }

    @Override
    public String description() {
        return "primitive: one element at a time";
    }

    @Override
    public String arithmetic() {
        return "primitive";
    }

    @Override
    public synchronized Buffer allocate(long bytes) {
        if (bytes > Integer.MAX_VALUE - 16) {
            throw new OutOfMemoryException("[primitive] %d bytes are more than an array holds".formatted(bytes));
        }
        inUse += bytes;
        obtained += bytes;
        peak = Math.max(peak, inUse);
        return new Block(MemorySegment.ofArray(new byte[(int) bytes]));
    }

    @Override
    public synchronized void release(Buffer buffer) {
        inUse -= buffer.byteSize();
    }

    @Override
    public synchronized MemoryUsage memoryUsage() {
        return new MemoryUsage(inUse, peak, inUse, obtained);
    }

    @Override
    public synchronized void resetPeakMemory() {
        peak = inUse;
    }

    @Override
    public long chunkBytes() {
        return 1L << 20;
    }

    @Override
    public void trim() {
        // Nothing is kept.
    }

    @Override
    public void upload(MemorySegment from, Buffer to, long byteOffset) {
        MemorySegment.copy(from, 0, ((Block) to).memory, byteOffset, from.byteSize());
    }

    @Override
    public void download(Buffer from, long byteOffset, MemorySegment to) {
        MemorySegment.copy(((Block) from).memory, byteOffset, to, 0, to.byteSize());
    }

    @Override
    public void fill(Tensor out, double value) {
        var places = new Places(out);
        for (long i = 0; i < out.elementCount(); i++) {
            convert(value, out, places.next());
        }
    }

    @Override
    public void random(Distribution distribution, long seed, long stream, Tensor out) {
        for (long i = 0; i < out.elementCount(); i++) {
            int[] words = new int[4];
            Philox.words(i / 4, stream, seed, words);
            int lane = (int) (i % 4);
            setFloat(out, out.offset() + i, switch (distribution) {
                case UNIFORM -> (words[lane] >>> 8) * 0x1p-24f;
                case NORMAL -> {
                    double radius = Math.sqrt(-2 * Math.log(((words[lane & 2] >>> 8) + 1) * 0x1p-24));
                    double angle = 2 * Math.PI * (words[lane & 2 | 1] >>> 8) * 0x1p-24;
                    yield (float) (radius * ((lane & 1) == 0 ? Math.cos(angle) : Math.sin(angle)));
                }
            });
        }
    }

    @Override
    public void copy(Tensor x, Tensor out) {
        var from = new Places(x);
        var to = new Places(out);
        for (long i = 0; i < out.elementCount(); i++) {
            if (x.dtype().isFloating()) {
                convert(getFloat(x, from.next()), out, to.next());
            } else if (out.dtype() == DType.F64) {
                setFloat(out, to.next(), getLong(x, from.next()));
            } else if (out.dtype().isFloating()) {
                setFloat(out, to.next(), (float) getLong(x, from.next()));
            } else {
                setLong(out, to.next(), getLong(x, from.next()));
            }
        }
    }

    private static void convert(double value, Tensor out, long place) {
        if (out.dtype().isFloating()) {
            setFloat(out, place, value);
        } else {
            setLong(out, place, switch (out.dtype()) {
                case I32 -> (int) value;
                case U8 -> Math.clamp((long) value, 0, 255);
                case BOOL -> value != 0 ? 1 : 0;
                default -> (long) value;
            });
        }
    }

    /** In the arithmetic of a type. */
    private static double in(DType type, double value) {
        return type == DType.F64 ? value : (float) value;
    }

    @Override
    public void unary(Unary f, Tensor x, Tensor out) {
        var from = new Places(x);
        var to = new Places(out);
        for (long i = 0; i < out.elementCount(); i++) {
            if (x.dtype().isFloating()) {
                setFloat(out, to.next(), in(x.dtype(), f.value(getFloat(x, from.next()))));
            } else {
                setLong(out, to.next(), f.ofIntegers().applyAsLong(getLong(x, from.next())));
            }
        }
    }

    @Override
    public void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        var ofA = new Places(a);
        var ofB = new Places(b);
        var to = new Places(out);
        for (long i = 0; i < out.elementCount(); i++) {
            if (!a.dtype().isFloating()) {
                setLong(out, to.next(), f.ofIntegers().applyAsLong(getLong(a, ofA.next()), getLong(b, ofB.next())));
            } else {
                convert(in(a.dtype(), f.value(getFloat(a, ofA.next()), getFloat(b, ofB.next()))), out, to.next());
            }
        }
    }

    @Override
    public void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        var conditions = new Places(condition);
        var ofA = new Places(a);
        var ofB = new Places(b);
        var to = new Places(out);
        for (long i = 0; i < out.elementCount(); i++) {
            long first = ofA.next();
            long second = ofB.next();
            boolean isFirst = getLong(condition, conditions.next()) != 0;
            move(isFirst ? a : b, isFirst ? first : second, out, to.next());
        }
    }

    @Override
    public void reduce(Reduction reduction, Tensor x, Tensor out) {
        long results = out.elementCount();
        long terms = results == 0 ? 0 : x.elementCount() / results;
        var from = new Places(x);
        var to = new Places(out);
        for (long i = 0; i < results; i++) {
            if (x.dtype().isFloating()) {
                double result = switch (reduction) {
                    case SUM -> 0;
                    case MAXIMUM -> Double.NEGATIVE_INFINITY;
                    case MINIMUM -> Double.POSITIVE_INFINITY;
                };
                for (long j = 0; j < terms; j++) {
                    double value = getFloat(x, from.next());
                    result = switch (reduction) {
                        case SUM -> result + value;
                        case MAXIMUM -> Math.max(result, value);
                        case MINIMUM -> Math.min(result, value);
                    };
                }
                setFloat(out, to.next(), in(x.dtype(), result));
            } else {
                long result = switch (reduction) {
                    case SUM -> 0;
                    case MAXIMUM -> Long.MIN_VALUE;
                    case MINIMUM -> Long.MAX_VALUE;
                };
                for (long j = 0; j < terms; j++) {
                    long value = getLong(x, from.next());
                    result = switch (reduction) {
                        case SUM -> result + value;
                        case MAXIMUM -> Math.max(result, value);
                        case MINIMUM -> Math.min(result, value);
                    };
                }
                setLong(out, to.next(), result);
            }
        }
    }

    @Override
    public void argMax(Tensor x, Tensor out) {
        long width = x.size(-1);
        for (long row = 0; row < out.elementCount(); row++) {
            long best = 0;
            for (long i = 1; i < width; i++) {
                best = isLarger(x, place(x, row * width + i), place(x, row * width + best)) ? i : best;
            }
            setLong(out, place(out, row), best);
        }
    }

    private static boolean isLarger(Tensor x, long place, long than) {
        if (!x.dtype().isFloating()) {
            return getLong(x, place) > getLong(x, than);
        }
        double best = getFloat(x, than);
        return !Double.isNaN(best) && !(getFloat(x, place) <= best);
    }

    @Override
    public void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        long m = out.size(-2);
        long n = out.size(-1);
        long k = a.size(-1);
        Shape batch = Shape.of(Arrays.copyOf(out.shape().toArray(), out.rank() - 2));
        Tensor left = expanded(a, batch, m, k);
        Tensor right = expanded(b, batch, k, n);
        for (long product = 0; product < batch.elementCount(); product++) {
            double[] x = floats(left, product, m * k);
            double[] y = floats(right, product, k * n);
            for (int row = 0; row < m; row++) {
                double[] sums = new double[(int) n];
                for (int j = 0; j < k; j++) {
                    double factor = x[(int) (row * k + j)];
                    for (int column = 0; column < n; column++) {
                        sums[column] += factor * y[(int) (j * n + column)];
                    }
                }
                for (int column = 0; column < n; column++) {
                    long place = place(out, (product * m + row) * n + column);
                    setFloat(out, place, in(a.dtype(), accumulate ? sums[column] + getFloat(out, place) : sums[column]));
                }
            }
        }
    }

    private static Tensor expanded(Tensor x, Shape batch, long rows, long columns) {
        long[] dimensions = Arrays.copyOf(batch.toArray(), batch.rank() + 2);
        dimensions[batch.rank()] = rows;
        dimensions[batch.rank() + 1] = columns;
        Shape shape = Shape.of(dimensions);
        return TensorMemory.view(x, shape, TensorMemory.expandedStrides(x, shape, "matmul"), x.offset());
    }

    /** The elements of one of several matrices. */
    private static double[] floats(Tensor x, long matrix, long count) {
        double[] values = new double[Math.toIntExact(count)];
        for (int i = 0; i < values.length; i++) {
            values[i] = getFloat(x, place(x, matrix * count + i));
        }
        return values;
    }

    @Override
    public void gather(Tensor x, int axis, Tensor index, Tensor out) {
        for (long i = 0; i < out.elementCount(); i++) {
            move(x, chosen("gather", index, i, axis, x), out, place(out, i));
        }
    }

    @Override
    public void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        long[] places = LongStream.range(0, x.elementCount()).map(i -> chosen("scatterAdd", index, i, axis, out)).toArray();
        for (int i = 0; i < places.length; i++) {
            if (x.dtype().isFloating()) {
                setFloat(out, places[i], in(x.dtype(), getFloat(out, places[i]) + getFloat(x, place(x, i))));
            } else {
                setLong(out, places[i], getLong(out, places[i]) + getLong(x, place(x, i)));
            }
        }
    }

    /** The place in a tensor that an element of an index along an axis leads to. */
    private static long chosen(String name, Tensor index, long element, int axis, Tensor in) {
        long row = getLong(index, place(index, element));
        checkIndex(name, row, in.size(axis));
        long place = in.offset();
        long rest = element;
        for (int i = index.rank() - 1; i >= 0; i--) {
            place += (i == axis ? row : rest % index.size(i)) * in.stride(i);
            rest /= index.size(i);
        }
        return place;
    }

    private static void checkIndex(String name, long index, long extent) {
        if (index < 0 || index >= extent) {
            throw new ShapeException("[%s] index %d lies outside 0 to %d".formatted(name, index, extent - 1));
        }
    }

    @Override
    public void embedding(Tensor table, Tensor index, Tensor out) {
        long width = table.size(1);
        for (long i = 0; i < index.elementCount(); i++) {
            long row = getLong(index, place(index, i));
            checkIndex("embedding", row, table.size(0));
            for (long j = 0; j < width; j++) {
                setFloat(out, place(out, i * width + j), getFloat(table, place(table, row * width + j)));
            }
        }
    }

    /** Where a tensor's elements lie, one after another in row-major order. */
    private static final class Places {
        private final long[] extents;
        private final long[] strides;
        private final long[] at;
        private long place;

        Places(Tensor x) {
            extents = x.shape().toArray();
            strides = x.strides();
            at = new long[extents.length];
            place = x.offset();
        }

        long next() {
            long result = place;
            for (int axis = at.length - 1; axis >= 0; axis--) {
                place += strides[axis];
                if (++at[axis] < extents[axis]) {
                    break;
                }
                place -= extents[axis] * strides[axis];
                at[axis] = 0;
            }
            return result;
        }
    }

    /** Where the element at a row-major position lies. */
    private static long place(Tensor x, long position) {
        long place = x.offset();
        for (int axis = x.rank() - 1; axis >= 0; axis--) {
            place += position % x.size(axis) * x.stride(axis);
            position /= x.size(axis);
        }
        return place;
    }

    private static void move(Tensor x, long from, Tensor out, long to) {
        int bytes = x.dtype().bytes();
        MemorySegment.copy(memory(x), from * bytes, memory(out), to * bytes, bytes);
    }

    private static MemorySegment memory(Tensor x) {
        return ((Block) TensorMemory.buffer(x)).memory;
    }

    private static double getFloat(Tensor x, long place) {
        return switch (x.dtype()) {
            case F32 -> memory(x).getAtIndex(JAVA_FLOAT_UNALIGNED, place);
            case BF16 -> Float.intBitsToFloat(memory(x).getAtIndex(JAVA_SHORT_UNALIGNED, place) << 16);
            case F16 -> Float.float16ToFloat(memory(x).getAtIndex(JAVA_SHORT_UNALIGNED, place));
            case F64 -> memory(x).getAtIndex(JAVA_DOUBLE_UNALIGNED, place);
            default -> throw new AssertionError(x.dtype());
        };
    }

    private static void setFloat(Tensor x, long place, double value) {
        switch (x.dtype()) {
            case F32 -> memory(x).setAtIndex(JAVA_FLOAT_UNALIGNED, place, (float) value);
            case BF16 -> memory(x).setAtIndex(JAVA_SHORT_UNALIGNED, place, HostTensor.nearestBf16(value));
            case F16 -> memory(x).setAtIndex(JAVA_SHORT_UNALIGNED, place, HostTensor.nearestF16(value));
            case F64 -> memory(x).setAtIndex(JAVA_DOUBLE_UNALIGNED, place, value);
            default -> throw new AssertionError(x.dtype());
        }
    }

    private static long getLong(Tensor x, long place) {
        return switch (x.dtype()) {
            case I32 -> memory(x).getAtIndex(JAVA_INT_UNALIGNED, place);
            case I64 -> memory(x).getAtIndex(JAVA_LONG_UNALIGNED, place);
            default -> memory(x).get(JAVA_BYTE, place) & 0xff;
        };
    }

    private static void setLong(Tensor x, long place, long value) {
        switch (x.dtype()) {
            case I32 -> memory(x).setAtIndex(JAVA_INT_UNALIGNED, place, (int) value);
            case I64 -> memory(x).setAtIndex(JAVA_LONG_UNALIGNED, place, value);
            case U8 -> memory(x).set(JAVA_BYTE, place, (byte) value);
            default -> memory(x).set(JAVA_BYTE, place, (byte) (value != 0 ? 1 : 0));
        }
    }
}

package kept.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicLong;
import kept.tensor.Bfloat16;
import kept.tensor.DType;
import kept.tensor.Shape;

/**
 * Detects NaN and infinity among the elements of a tensor, either in memory or while its bytes are copied in pieces.
 *
 * <p>A non-finite element has all exponent bits set, so adding one to the lowest exponent bit carries into the sign bit. This tests several elements
 * per 64-bit word, at memory speed.
 */
public final class FiniteValues {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int BLOCK = 1 << 16;
    private static final long NONE = Long.MAX_VALUE;

    private final TensorEntry entry;
    private final MemorySegment data;
    private final Bits bits;
    /** Lowest index of a non-finite element found so far. */
    private final AtomicLong first = new AtomicLong(NONE);
    /** Elements split between two pieces; they are checked at the end. */
    private final Set<Long> edges = new ConcurrentSkipListSet<>();

    /** Bit masks to test a 64-bit word of elements: bytes per element, exponent bits, lowest exponent bits, and the bits they carry into. */
    private record Bits(int bytes, long exponents, long ones, long carries) {
        static Bits of(DType dtype) {
            return switch (dtype) {
                case F32 -> repeated(Integer.BYTES, 0x7f80_0000L, 0x80_0000L, 0x8000_0000L);
                case BF16 -> repeated(Short.BYTES, 0x7f80, 0x80, 0x8000);
                case F16 -> repeated(Short.BYTES, 0x7c00, 0x400, 0x8000);
                case F64 -> repeated(Long.BYTES, 0x7ff0_0000_0000_0000L, 0x10_0000_0000_0000L, Long.MIN_VALUE);
                case I32, I64, U8, BOOL -> null;
            };
        }

        private static Bits repeated(int bytes, long exponent, long one, long carry) {
            long lanes = bytes == Short.BYTES ? 0x1_0001_0001_0001L : bytes == Integer.BYTES ? 0x1_0000_0001L : 1;
            return new Bits(bytes, exponent * lanes, one * lanes, carry * lanes);
        }

        boolean hasNonFinite(MemorySegment data, long start, long end) {
            long carried = 0;
            long next = start;
            for (; next <= end - Long.BYTES; next += Long.BYTES) {
                carried |= (data.get(WORD, next) & exponents) + ones;
            }
            for (; next < end; next += bytes) {
                long element = bytes == Short.BYTES ? data.get(SHORT, next) : data.get(INT, next);
                carried |= (element & exponents & mask()) + (ones & mask());
            }
            return (carried & carries) != 0;
        }

        private long mask() {
            return bytes == Short.BYTES ? 0xffffL : 0xffff_ffffL;
        }
    }

    /**
     * Creates a check of a tensor that is inspected piece by piece.
     *
     * @param entry the tensor's metadata; integer tensors are always finite
     * @param data its elements in row-major order; read for elements split between two pieces
     */
    public FiniteValues(TensorEntry entry, MemorySegment data) {
        this.entry = entry;
        this.data = data;
        this.bits = Bits.of(entry.dtype());
    }

    /**
     * Checks that a tensor contains no NaN or infinity.
     *
     * @param entry the tensor's metadata
     * @param data its elements in row-major order
     * @throws WeightValuesException naming the tensor and the first element that is not finite
     */
    public static void require(TensorEntry entry, MemorySegment data) {
        var values = new FiniteValues(entry, data);
        values.inspect(data, 0);
        values.require();
    }

    /**
     * Counts the elements that are NaN or infinite.
     *
     * @param dtype their type
     * @param data elements
     * @return their number; 0 for integers
     */
    public static long countNonFinite(DType dtype, MemorySegment data) {
        Bits bits = Bits.of(dtype);
        long count = 0;
        for (long start = 0; bits != null && start < data.byteSize(); start += BLOCK) {
            long end = Math.min(data.byteSize(), start + BLOCK);
            if (bits.hasNonFinite(data, start, end)) {
                for (long place = start; place < end; place += bits.bytes) {
                    count += bits.hasNonFinite(data, place, place + bits.bytes) ? 1 : 0;
                }
            }
        }
        return count;
    }

    /**
     * Inspects a piece of the tensor's bytes. Thread-safe; the buffer's position and limit do not change.
     *
     * @param bytes the bytes
     * @param place offset of the piece in the tensor, in bytes
     */
    public void inspect(ByteBuffer bytes, long place) {
        inspect(MemorySegment.ofBuffer(bytes), place);
    }

    private void inspect(MemorySegment bytes, long place) {
        if (bits == null || bytes.byteSize() == 0) {
            return;
        }
        long skipped = Math.min(bytes.byteSize(), Math.floorMod(-place, bits.bytes));
        long whole = (bytes.byteSize() - skipped) / bits.bytes * bits.bytes;
        if (skipped > 0) {
            edges.add(place / bits.bytes);
        }
        if (skipped + whole < bytes.byteSize()) {
            edges.add((place + skipped + whole) / bits.bytes);
        }
        long start = skipped;
        for (long end = skipped + whole; start < end; start += BLOCK) {
            if (bits.hasNonFinite(bytes, start, Math.min(end, start + BLOCK))) {
                find((place + start) / bits.bytes, Math.min(end - start, BLOCK) / bits.bytes, bytes.asSlice(start));
                return;
            }
        }
    }

    private void find(long index, long count, MemorySegment bytes) {
        for (long i = 0; i < count; i++) {
            if (bits.hasNonFinite(bytes, i * bits.bytes, (i + 1) * bits.bytes)) {
                first.accumulateAndGet(index + i, Math::min);
                return;
            }
        }
    }

    private boolean isFinite(long index) {
        return !bits.hasNonFinite(data, index * bits.bytes, (index + 1) * bits.bytes);
    }

    /**
     * Throws if any inspected piece contained a NaN or infinity.
     *
     * @throws WeightValuesException naming the tensor and the first element that is not finite
     */
    public void require() {
        edges.stream().filter(index -> !isFinite(index)).findFirst().ifPresent(index -> first.accumulateAndGet(index, Math::min));
        if (first.get() != NONE) {
            throw new WeightValuesException(entry.file(), entry.name(), entry.offset(),
                "holds %s at %s; the weights are damaged; get an undamaged copy of the checkpoint".formatted(value(first.get()), place(first.get())));
        }
    }

    private String value(long index) {
        long place = index * bits.bytes;
        float value = switch (entry.dtype()) {
            case BF16 -> Bfloat16.toFloat(data.get(SHORT, place));
            case F16 -> Float.float16ToFloat(data.get(SHORT, place));
            default -> Float.intBitsToFloat(data.get(INT, place));
        };
        return Float.isNaN(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";
    }

    private String place(long index) {
        Shape shape = entry.shape();
        var place = new long[shape.rank()];
        long rest = index;
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            place[axis] = rest % shape.size(axis);
            rest /= shape.size(axis);
        }
        return Arrays.toString(place);
    }
}

package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/** Rotary position embedding, position by position; the heads of a position share its angles. Contiguous heads are rotated in one run. */
final class RotaryKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private RotaryKernel() {}

    /**
     * {@link kept.backend.Backend#rotaryEmbedding}.
     *
     * @param x {@code [batch, sequence, heads, D]}
     * @param cos rows {@code [sequence, D / 2]}
     * @param sin rows {@code [sequence, D / 2]}
     * @param inverse whether to rotate backwards
     * @param out x's shape
     */
    static void rotate(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        long sequence = x.size(1);
        long heads = x.size(2);
        int width = RowWindow.width(x);
        int half = width / 2;
        long[] from = x.strides();
        long[] to = out.strides();
        long together = from[2] == width && to[2] == width ? heads : 1;
        WorkerPool.shared().forRanges(x.size(0) * sequence, RowWindow.rowsPerTask(heads * width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                int count = Math.toIntExact(together * width);
                RowWindow source = new RowWindow(x, count, arena);
                RowWindow target = new RowWindow(out, count, arena);
                RowWindow cosines = new RowWindow(cos, half, arena);
                RowWindow sines = new RowWindow(sin, half, arena);
                for (long position = first; position < end; position++) {
                    long batch = position / sequence;
                    long token = position % sequence;
                    cosines.read(token * half, half);
                    sines.read(token * half, half);
                    for (long head = 0; head < heads; head += together) {
                        source.read(batch * from[0] + token * from[1] + head * from[2], count);
                        long element = batch * to[0] + token * to[1] + head * to[2];
                        rotate(source, count, cosines, sines, half, inverse ? -1f : 1f, target.place(element, count));
                        target.write(element, count);
                    }
                }
            }
        });
    }

    /** Both halves of a head are read before either is written, so that out may be x. */
    private static void rotate(
            RowWindow source, int count, RowWindow cosines, RowWindow sines, int half, float sign, RowWindow target) {
        rotateWhole(source, count, cosines, sines, half, sign, target);
        if (SPECIES.loopBound(half) < half) {
            rotateEnds(source, count, cosines, sines, half, sign, target);
        }
    }

    private static void rotateWhole(
            RowWindow source, int count, RowWindow cosines, RowWindow sines, int half, float sign, RowWindow target) {
        MemorySegment x = source.view(count);
        MemorySegment cos = cosines.view(half);
        MemorySegment sin = sines.view(half);
        MemorySegment out = target.view(count);
        for (int head = 0; head < count; head += 2 * half) {
            long first = 4L * head;
            long second = first + 4L * half;
            for (int i = 0; i <= half - LANES; i += LANES) {
                long p = 4L * i;
                FloatVector c = FloatVector.fromMemorySegment(SPECIES, cos, p, ORDER);
                FloatVector s = FloatVector.fromMemorySegment(SPECIES, sin, p, ORDER).mul(sign);
                FloatVector a = FloatVector.fromMemorySegment(SPECIES, x, first + p, ORDER);
                FloatVector b = FloatVector.fromMemorySegment(SPECIES, x, second + p, ORDER);
                a.mul(c).sub(b.mul(s)).intoMemorySegment(out, first + p, ORDER);
                b.mul(c).add(a.mul(s)).intoMemorySegment(out, second + p, ORDER);
            }
        }
    }

    private static void rotateEnds(
            RowWindow source, int count, RowWindow cosines, RowWindow sines, int half, float sign, RowWindow target) {
        int done = SPECIES.loopBound(half);
        VectorMask<Float> mask = SPECIES.indexInRange(done, half);
        MemorySegment x = source.view(count);
        MemorySegment out = target.view(count);
        FloatVector c = FloatVector.fromMemorySegment(SPECIES, cosines.view(half), 4L * done, ORDER, mask);
        FloatVector s = FloatVector.fromMemorySegment(SPECIES, sines.view(half), 4L * done, ORDER, mask).mul(sign);
        for (int head = done; head < count; head += 2 * half) {
            long first = 4L * head;
            long second = first + 4L * half;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, x, first, ORDER, mask);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, x, second, ORDER, mask);
            a.mul(c).sub(b.mul(s)).intoMemorySegment(out, first, ORDER, mask);
            b.mul(c).add(a.mul(s)).intoMemorySegment(out, second, ORDER, mask);
        }
    }
}

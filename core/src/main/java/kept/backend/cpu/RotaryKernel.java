package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/** Rotary position embedding, head by head; the heads of a position share its angles, which stay in the cache. */
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
        MemorySegment c = Elements.segment(cos);
        MemorySegment s = Elements.segment(sin);
        WorkerPool.shared().forRanges(x.size(0) * sequence, RowWindow.rowsPerTask(heads * width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow source = new RowWindow(x, width, arena);
                RowWindow target = new RowWindow(out, width, arena);
                for (long position = first; position < end; position++) {
                    long batch = position / sequence;
                    long token = position % sequence;
                    MemorySegment cosines = RowMath.slice(c, cos.offset() + token * half, half);
                    MemorySegment sines = RowMath.slice(s, sin.offset() + token * half, half);
                    for (long head = 0; head < heads; head++) {
                        MemorySegment values = source.read(batch * from[0] + token * from[1] + head * from[2], width);
                        long element = batch * to[0] + token * to[1] + head * to[2];
                        rotate(values, cosines, sines, half, inverse ? -1f : 1f, target.place(element, width));
                        target.write(element, width);
                    }
                }
            }
        });
    }

    /** Both halves are read before either is written, so that out may be x. */
    private static void rotate(
            MemorySegment x, MemorySegment cos, MemorySegment sin, int half, float sign, MemorySegment out) {
        x = NativeView.of(x);
        cos = NativeView.of(cos);
        sin = NativeView.of(sin);
        out = NativeView.of(out);
        long apart = 4L * half;
        int i = 0;
        for (; i <= half - LANES; i += LANES) {
            long p = 4L * i;
            FloatVector c = FloatVector.fromMemorySegment(SPECIES, cos, p, ORDER);
            FloatVector s = FloatVector.fromMemorySegment(SPECIES, sin, p, ORDER).mul(sign);
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, x, apart + p, ORDER);
            a.mul(c).sub(b.mul(s)).intoMemorySegment(out, p, ORDER);
            b.mul(c).add(a.mul(s)).intoMemorySegment(out, apart + p, ORDER);
        }
        for (; i < half; i++) {
            long p = 4L * i;
            float c = cos.get(JAVA_FLOAT, p);
            float s = sin.get(JAVA_FLOAT, p) * sign;
            float a = x.get(JAVA_FLOAT, p);
            float b = x.get(JAVA_FLOAT, apart + p);
            out.set(JAVA_FLOAT, p, a * c - b * s);
            out.set(JAVA_FLOAT, apart + p, b * c + a * s);
        }
    }
}

package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/**
 * The gated unit silu(gate) * up and its gradient, in blocks that stay in the first-level cache: one pass for z = e^-|gate|, one for the rest.
 * The logistic function is {@code (gate < 0 ? z : 1) / (1 + z)} and one minus it is {@code (gate < 0 ? 1 : z) / (1 + z)}: neither loses digits.
 */
final class SwiGluKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int BLOCK = RowMath.BLOCK;

    private SwiGluKernel() {}

    /**
     * {@link kept.backend.Backend#swiGlu}.
     *
     * @param gate rows
     * @param up rows
     * @param out rows
     */
    static void forward(Tensor gate, Tensor up, Tensor out) {
        WorkerPool.shared().forRanges(gate.elementCount(), RowWindow.TASK, (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow g = new RowWindow(gate, BLOCK, arena);
                RowWindow u = new RowWindow(up, BLOCK, arena);
                RowWindow o = new RowWindow(out, BLOCK, arena);
                for (long block = first; block < end; block += BLOCK) {
                    int count = (int) Math.min(BLOCK, end - block);
                    forward(g.read(block, count), u.read(block, count), count, o.place(block, count));
                    o.write(block, count);
                }
            }
        });
    }

    private static void forward(RowWindow gates, RowWindow ups, int count, RowWindow results) {
        MemorySegment gate = gates.view(count);
        MemorySegment up = ups.view(count);
        MemorySegment out = results.view(count);
        FloatVector one = FloatVector.broadcast(SPECIES, 1f);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long p = 4L * i;
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, gate, p, ORDER);
            FloatVector z = VectorMath.decay(g.abs().neg());
            FloatVector s = one.blend(z, g.compare(VectorOperators.LT, 0f)).div(z.add(1f));
            g.mul(s).mul(FloatVector.fromMemorySegment(SPECIES, up, p, ORDER)).intoMemorySegment(out, p, ORDER);
        }
        for (; i < count; i++) {
            long p = 4L * i;
            float g = gate.get(JAVA_FLOAT, p);
            float z = VectorMath.decay(-Math.abs(g));
            out.set(JAVA_FLOAT, p, g * ((g < 0 ? z : 1f) / (z + 1f)) * up.get(JAVA_FLOAT, p));
        }
    }

    /**
     * {@link kept.backend.Backend#swiGluGradient}.
     *
     * @param gradient rows
     * @param gate rows
     * @param up rows
     * @param dGate rows; may be the gradient
     * @param dUp rows
     */
    static void gradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        WorkerPool.shared().forRanges(gate.elementCount(), RowWindow.TASK, (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow g = new RowWindow(gate, BLOCK, arena);
                RowWindow u = new RowWindow(up, BLOCK, arena);
                RowWindow dy = new RowWindow(gradient, BLOCK, arena);
                RowWindow dg = new RowWindow(dGate, BLOCK, arena);
                RowWindow du = new RowWindow(dUp, BLOCK, arena);
                for (long block = first; block < end; block += BLOCK) {
                    int count = (int) Math.min(BLOCK, end - block);
                    gradient(dy.read(block, count), g.read(block, count), u.read(block, count), count, dg.place(block, count),
                            du.place(block, count));
                }
            }
        });
    }

    private static void gradient(
            RowWindow gradients, RowWindow gates, RowWindow ups, int count, RowWindow gateGradients, RowWindow upGradients) {
        MemorySegment gradient = gradients.view(count);
        MemorySegment gate = gates.view(count);
        MemorySegment up = ups.view(count);
        MemorySegment dGate = gateGradients.view(count);
        MemorySegment dUp = upGradients.view(count);
        FloatVector one = FloatVector.broadcast(SPECIES, 1f);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long p = 4L * i;
            FloatVector dy = FloatVector.fromMemorySegment(SPECIES, gradient, p, ORDER);
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, gate, p, ORDER);
            FloatVector u = FloatVector.fromMemorySegment(SPECIES, up, p, ORDER);
            FloatVector z = VectorMath.decay(g.abs().neg());
            FloatVector inverse = one.div(z.add(1f));
            FloatVector other = z.mul(inverse);
            FloatVector s = inverse.blend(other, g.compare(VectorOperators.LT, 0f));
            FloatVector rest = other.blend(inverse, g.compare(VectorOperators.LT, 0f));
            FloatVector slope = s.mul(g.fma(rest, one));
            dy.mul(u).mul(slope).intoMemorySegment(dGate, p, ORDER);
            dy.mul(g).mul(s).intoMemorySegment(dUp, p, ORDER);
        }
        for (; i < count; i++) {
            long p = 4L * i;
            float dy = gradient.get(JAVA_FLOAT, p);
            float g = gate.get(JAVA_FLOAT, p);
            float u = up.get(JAVA_FLOAT, p);
            float z = VectorMath.decay(-Math.abs(g));
            float inverse = 1f / (z + 1f);
            float s = g < 0 ? z * inverse : inverse;
            float rest = g < 0 ? inverse : z * inverse;
            dGate.set(JAVA_FLOAT, p, dy * u * (s * Math.fma(g, rest, 1f)));
            dUp.set(JAVA_FLOAT, p, dy * g * s);
        }
    }
}

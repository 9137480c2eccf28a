package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/**
 * The gated unit silu(gate) * up and its gradient, in blocks that stay in the first-level cache: one pass for z = e^-|gate|, one for the rest. The
 * logistic function is {@code (gate < 0 ? z : 1) / (1 + z)}, and one minus it is {@code (gate < 0 ? 1 : z) / (1 + z)}; neither loses digits.
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
        int whole = SPECIES.loopBound(count);
        forwardWhole(gates, ups, whole, results);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, gates.view(count), 4L * whole, ORDER, mask);
            FloatVector u = FloatVector.fromMemorySegment(SPECIES, ups.view(count), 4L * whole, ORDER, mask);
            forward(g, u).intoMemorySegment(results.view(count), 4L * whole, ORDER, mask);
        }
    }

    private static void forwardWhole(RowWindow gates, RowWindow ups, int count, RowWindow results) {
        MemorySegment gate = gates.view(count);
        MemorySegment up = ups.view(count);
        MemorySegment out = results.view(count);
        for (int i = 0; i < count; i += LANES) {
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, gate, 4L * i, ORDER);
            forward(g, FloatVector.fromMemorySegment(SPECIES, up, 4L * i, ORDER)).intoMemorySegment(out, 4L * i, ORDER);
        }
    }

    private static FloatVector forward(FloatVector g, FloatVector u) {
        FloatVector z = VectorMath.expNonPositive(g.abs().neg());
        FloatVector s = FloatVector.broadcast(SPECIES, 1f).blend(z, g.compare(VectorOperators.LT, 0f)).div(z.add(1f));
        return g.mul(s).mul(u);
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
        int whole = SPECIES.loopBound(count);
        gradientWhole(gradients, gates, ups, whole, gateGradients, upGradients);
        if (whole < count) {
            gradientEnd(gradients, gates, ups, count, gateGradients, upGradients);
        }
    }

    private static void gradientWhole(
            RowWindow gradients, RowWindow gates, RowWindow ups, int count, RowWindow gateGradients, RowWindow upGradients) {
        MemorySegment gradient = gradients.view(count);
        MemorySegment gate = gates.view(count);
        MemorySegment up = ups.view(count);
        MemorySegment dGate = gateGradients.view(count);
        MemorySegment dUp = upGradients.view(count);
        for (int i = 0; i < count; i += LANES) {
            long p = 4L * i;
            FloatVector dy = FloatVector.fromMemorySegment(SPECIES, gradient, p, ORDER);
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, gate, p, ORDER);
            FloatVector u = FloatVector.fromMemorySegment(SPECIES, up, p, ORDER);
            FloatVector z = VectorMath.expNonPositive(g.abs().neg());
            FloatVector inverse = FloatVector.broadcast(SPECIES, 1f).div(z.add(1f));
            FloatVector other = z.mul(inverse);
            FloatVector s = inverse.blend(other, g.compare(VectorOperators.LT, 0f));
            FloatVector rest = other.blend(inverse, g.compare(VectorOperators.LT, 0f));
            FloatVector slope = s.mul(g.fma(rest, FloatVector.broadcast(SPECIES, 1f)));
            dy.mul(u).mul(slope).intoMemorySegment(dGate, p, ORDER);
            dy.mul(g).mul(s).intoMemorySegment(dUp, p, ORDER);
        }
    }

    private static void gradientEnd(
            RowWindow gradients, RowWindow gates, RowWindow ups, int count, RowWindow gateGradients, RowWindow upGradients) {
        int first = SPECIES.loopBound(count);
        VectorMask<Float> mask = SPECIES.indexInRange(first, count);
        long p = 4L * first;
        FloatVector dy = FloatVector.fromMemorySegment(SPECIES, gradients.view(count), p, ORDER, mask);
        FloatVector g = FloatVector.fromMemorySegment(SPECIES, gates.view(count), p, ORDER, mask);
        FloatVector u = FloatVector.fromMemorySegment(SPECIES, ups.view(count), p, ORDER, mask);
        FloatVector z = VectorMath.expNonPositive(g.abs().neg());
        FloatVector inverse = FloatVector.broadcast(SPECIES, 1f).div(z.add(1f));
        FloatVector other = z.mul(inverse);
        FloatVector s = inverse.blend(other, g.compare(VectorOperators.LT, 0f));
        FloatVector rest = other.blend(inverse, g.compare(VectorOperators.LT, 0f));
        FloatVector slope = s.mul(g.fma(rest, FloatVector.broadcast(SPECIES, 1f)));
        dy.mul(u).mul(slope).intoMemorySegment(gateGradients.view(count), p, ORDER, mask);
        dy.mul(g).mul(s).intoMemorySegment(upGradients.view(count), p, ORDER, mask);
    }
}

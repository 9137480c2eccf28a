package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The matrix product as its definition says, element by element. */
final class PlainMatmul {
    private PlainMatmul() {}

    static void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        MemorySegment left = Elements.segment(a);
        MemorySegment right = Elements.segment(b);
        MemorySegment target = Elements.segment(out);
        long inner = a.size(-1);
        Walk walk = Walk.over(out, spread(a, -1, out.shape()), spread(b, -2, out.shape()));
        long stepA = a.stride(-1);
        long stepB = b.stride(-2);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long o = positions[0] + i * walk.stride(0);
                float sum = accumulate ? Elements.getFloat(target, out.dtype(), o) : 0;
                for (long k = 0; k < inner; k++) {
                    float x = Elements.getFloat(left, a.dtype(), positions[1] + i * walk.stride(1) + k * stepA);
                    sum = Math.fma(x, Elements.getFloat(right, b.dtype(), positions[2] + i * walk.stride(2) + k * stepB), sum);
                }
                Elements.setFloat(target, out.dtype(), o, sum);
            }
        });
    }

    /** The operand seen with out's shape, standing at index 0 of its inner axis. */
    private static Tensor spread(Tensor operand, int innerAxis, Shape shape) {
        Shape one = operand.shape().with(innerAxis, 1);
        return operand.alias(shape, operand.alias(one, operand.strides(), operand.offset()).expandedStrides(shape, "matmul"), operand.offset());
    }
}

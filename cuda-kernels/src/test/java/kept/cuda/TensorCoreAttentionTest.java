package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import kept.backend.AttentionOperands;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class TensorCoreAttentionTest extends VirtualAttentionTest {
    private static final double SCALE = 0.125;

    private static Tensor random(DType dtype, long seed, long... dimensions) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[Math.toIntExact(Shape.of(dimensions).elementCount())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.empty(dtype, Shape.of(dimensions)).assign(Tensor.of(values, dimensions));
    }

    private static AttentionOperands operands(Tensor q, Tensor k, Tensor v) {
        return new AttentionOperands(q, k, v, SCALE);
    }

    @Test
    void gradientBitsDoNotDependOnTheSizeOfSharedMemory() {
        for (long width : new long[] {64, 80, 96, 128}) {
            Tensor q = random(DType.BF16, 1, 1, 150, 2, width);
            Tensor k = random(DType.BF16, 2, 1, 160, 1, width);
            Tensor v = random(DType.BF16, 3, 1, 160, 1, width);
            Tensor gradient = random(DType.F32, 4, 1, 150, 2, width);
            Tensor out = Tensor.empty(DType.BF16, q.shape());
            Tensor logSumExp = Tensor.empty(DType.F32, Shape.of(1, 2, 150));
            AttentionOperands operands = new AttentionOperands(q, k, v, SCALE);
            float[][][] gradients = new float[2][][];
            for (int i = 0; i < 2; i++) {
                TensorCoreAttention attention = new TensorCoreAttention(gpu(), i == 0 ? SMALL : large());
                assertThat(attention.fits(operands, out)).isTrue();
                attention.forward(operands, out, logSumExp);
                Tensor dq = Tensor.full(-777, DType.F32, q.shape());
                Tensor dk = Tensor.full(-777, DType.F32, k.shape());
                Tensor dv = Tensor.full(-777, DType.F32, k.shape());
                attention.gradient(operands, out, logSumExp, gradient, dq, dk, dv);
                gradients[i] = new float[][] {dq.toFloatArray(), dk.toFloatArray(), dv.toFloatArray()};
            }
            assertThat(gradients[0]).as("width %d", width).isDeepEqualTo(gradients[1]);
        }
    }

    @Test
    void tensorCoresTakeAlignedBf16WithSupportedHeadDimensions() {
        TensorCoreAttention attention = new TensorCoreAttention(gpu(), SMALL);
        for (long width : new long[] {64, 80, 96, 128}) {
            Tensor x = Tensor.empty(DType.BF16, Shape.of(2, 3, 2, width));
            assertThat(attention.fits(operands(x, x, x), x)).as("width %d", width).isTrue();
            Tensor transposed = x.transpose(1, 2);
            assertThat(attention.fits(operands(transposed, transposed, transposed), x)).as("transposed, width %d", width).isTrue();
        }
        Tensor x = Tensor.empty(DType.BF16, Shape.of(2, 3, 2, 64));
        assertThat(attention.fits(new AttentionOperands(x, x, x, -SCALE))).isFalse();
        for (Tensor other : new Tensor[] {Tensor.empty(DType.BF16, Shape.of(2, 3, 2, 72)), Tensor.empty(DType.BF16, Shape.of(2, 3, 2, 256)),
            Tensor.empty(DType.F16, Shape.of(2, 3, 2, 64)), Tensor.empty(DType.F32, Shape.of(2, 3, 2, 64))}) {
            assertThat(attention.fits(operands(other, other, other))).as("%s %s", other.dtype(), other.shape()).isFalse();
        }
        Tensor oddStride = Tensor.empty(DType.BF16, Shape.of(2, 3, 2, 65)).slice(3, 0, 64);
        Tensor oddAddress = Tensor.empty(DType.BF16, Shape.of(2, 3, 2, 72)).slice(3, 1, 65);
        assertThat(attention.fits(operands(x, oddStride, x))).isFalse();
        assertThat(attention.fits(operands(x, x, oddAddress))).isFalse();
        assertThat(attention.fits(operands(x, x, x), oddAddress)).isFalse();
        assertThat(VirtualCudaProvider.testDevice().backend().description())
                .contains("tensor cores for bf16 with head dimensions 64, 80, 96 and 128");
    }
}

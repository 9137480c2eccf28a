package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.backend.AttentionOperands;
import kept.backend.Distribution;
import kept.tensor.DType;
import kept.tensor.DeviceException;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class GenericAttentionTest extends VirtualAttentionTest {
    private static final double SCALE = 0.1;

    private static Tensor random(long stream, long... dimensions) {
        Tensor out = Tensor.empty(DType.F32, Shape.of(dimensions));
        out.backend().random(Distribution.NORMAL, 1, stream, out);
        return out;
    }

    private static float[][] compute(GenericAttention attention, long queries, long keys, long width) {
        Tensor q = random(1, 1, queries, 2, width);
        Tensor k = random(2, 1, keys, 1, width);
        Tensor v = random(3, 1, keys, 1, width);
        Tensor gradient = random(4, 1, queries, 2, width);
        Tensor out = Tensor.full(-777, DType.F32, q.shape());
        Tensor logSumExp = Tensor.empty(DType.F32, Shape.of(1, 2, queries));
        Tensor dq = Tensor.full(-777, DType.F32, q.shape());
        Tensor dk = Tensor.full(-777, DType.F32, k.shape());
        Tensor dv = Tensor.full(-777, DType.F32, k.shape());
        AttentionOperands operands = new AttentionOperands(q, k, v, SCALE);
        if (queries > 0) {
            attention.forward(operands, out, logSumExp);
        }
        attention.gradient(operands, out, logSumExp, gradient, dq, dk, dv);
        return new float[][] {out.toFloatArray(), dq.toFloatArray(), dk.toFloatArray(), dv.toFloatArray()};
    }

    @Test
    void bitsDoNotDependOnTheNumberOfWarpsPerBlock() {
        assertThat(compute(new GenericAttention(gpu(), SMALL), 37, 41, 300)).isDeepEqualTo(compute(new GenericAttention(gpu(), LARGE), 37, 41, 300));
    }

    @Test
    void sharedMemoryLimitsTheHeadDimension() {
        GenericAttention attention = new GenericAttention(gpu(), SMALL);
        assertThat(compute(attention, 3, 5, 520)[0]).doesNotContain(-777f);
        assertThatThrownBy(() -> compute(attention, 3, 5, 600)).isInstanceOf(DeviceException.class)
                .hasMessage("[attention] head dimension 600 needs 106240 bytes of shared memory per block, and the device has 101376");
    }

    @Test
    void keysWithoutQueriesHaveZeroGradients() {
        float[][] gradients = compute(new GenericAttention(gpu(), LARGE), 0, 5, 64);
        assertThat(gradients[2]).hasSize(5 * 64).containsOnly(0f);
        assertThat(gradients[3]).hasSize(5 * 64).containsOnly(0f);
    }
}

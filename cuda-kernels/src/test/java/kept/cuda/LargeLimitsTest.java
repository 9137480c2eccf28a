package kept.cuda;

import static kept.cuda.LargeOperands.backend;
import static kept.cuda.LargeOperands.value;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.backend.AttentionOperands;
import kept.backend.DistillationObjective;
import kept.backend.LayerNormParameters;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.DeviceException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Extents that a kernel, cuBLAS or a grid cannot take are refused by name; more results than a grid has blocks take several launches. */
class LargeLimitsTest extends OnLargeOperands {
    private static final long MANY = 1L << 31;

    private static Tensor f32(long... shape) {
        return empty(DType.F32, shape);
    }

    private static void refused(Class<? extends TensorException> type, String text, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(type).hasMessageContaining(text);
    }

    @Test
    void extentsBeyond32BitsAreRefusedByName() {
        Tensor row = f32(1, MANY);
        Tensor vector = f32(MANY);
        String most = " 2147483648 is more than the GPU's kernels take, which is 2147467263";
        refused(ShapeException.class, "[norm] width" + most, () -> backend().rmsNorm(row, vector, 1e-5, f32(1, MANY), f32(1)));
        refused(ShapeException.class, "[norm] width" + most,
                () -> backend().layerNorm(row, new LayerNormParameters(vector, vector, 1e-5), f32(1, MANY), f32(1), f32(1)));
        refused(ShapeException.class, "[norm] width" + most, () -> backend().rmsNormGradient(row, row, vector, f32(1), f32(1, MANY), null));
        refused(ShapeException.class, "[loss] vocabulary" + most,
                () -> backend().distillationRows(DistillationObjective.FORWARD_KL, row, f32(1, MANY), null, 1, f32(1), f32(1)));
        refused(ShapeException.class, "[matmul] columns" + most, () -> backend().matmul(f32(1, 1), row, f32(1, MANY), false));
        refused(ShapeException.class, "[matmul] inner dimension" + most, () -> backend().matmul(row, f32(MANY, 1), f32(1, 1), false));
        refused(ShapeException.class, "[rotaryEmbedding] head dimension" + most,
                () -> backend().rotaryEmbedding(f32(1, 1, 1, MANY), f32(1, MANY / 2), f32(1, MANY / 2), false, f32(1, 1, 1, MANY)));
        Tensor heads = f32(1, 1, MANY, 1);
        refused(ShapeException.class, "[attention] number of heads" + most,
                () -> backend().attention(new AttentionOperands(heads, heads, heads, 1), f32(1, 1, MANY, 1), f32(1, MANY, 1)));
    }

    @Test
    void largerGridsThanAGpuTakesAreRefused() {
        Tensor heads = f32(1, 1, 70_000, 1);
        refused(DeviceException.class, "[launch] attention_generic_f32 needs 1 x 70000 x 1 blocks, and a GPU takes at most 65535 along y and z",
                () -> backend().attention(new AttentionOperands(heads, heads, heads, 1), f32(1, 1, 70_000, 1), f32(1, 70_000, 1)));
        refused(DeviceException.class, "[launch] a grid has at most 2147483647 blocks along x, not 2147483648: use fewer rows at a time",
                () -> backend().softmax(false, f32(MANY, 1), f32(MANY, 1)));
    }

    @Test
    void moreResultsThanAGridHasBlocksTakeSeveralLaunches() {
        var operands = new LargeOperands().sample(1);
        long rows = MANY + 5;
        Tensor out = Tensor.empty(DType.I64, Shape.of(rows));
        backend().argMax(operands.operand(DType.BF16, 1, rows, 2), out);
        operands.assertElements(out, row -> value(1, 2 * row + 1) > value(1, 2 * row) ? 1 : 0, 0, 0, MANY - 2, MANY - 1, rows - 1);

        // Adjacent results of adjacent elements are one dense axis of any length, which is divided differently.
        Tensor columns = TensorMemory.view(operands.operand(DType.BF16, 2, 2, rows), Shape.of(rows, 2), new long[] {1, rows}, 0);
        Tensor dense = Tensor.empty(DType.I64, Shape.of(rows));
        backend().argMax(columns, dense);
        long part = 1L << 30;
        operands.assertElements(dense, row -> value(2, row + rows) > value(2, row) ? 1 : 0, 0,
                0, part - 1, part, 2 * part - 1, 2 * part, rows - 1);
    }
}

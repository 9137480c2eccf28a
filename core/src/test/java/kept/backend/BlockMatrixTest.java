package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Matrices in blocks: what quantisation stores, and what it refuses. */
class BlockMatrixTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    /** More rows than are quantised at a time. */
    @Test
    void eachBlockIsThatOfTheQuantizer() {
        Tensor matrix = Tensor.normal(1, 0, 40_000, 96).cast(DType.BF16);
        BlockMatrix blocks = BlockMatrix.quantize(matrix).orElseThrow();
        float[] values = matrix.toFloatArray();
        byte[] expected = new byte[values.length];
        float[] scales = new float[values.length / 32];
        for (int block = 0; block < scales.length; block++) {
            scales[block] = Float.float16ToFloat(Float.floatToFloat16(BlockQuantizer.quantize(values, block * 32, expected, block * 32)));
        }
        assertThat(blocks.scales().cast(DType.F32).toFloatArray()).isEqualTo(scales);
        float[] widened = blocks.widen().toFloatArray();
        for (int i = 0; i < expected.length; i++) {
            if (widened[i] != expected[i] * scales[i / 32]) {
                assertThat(widened[i]).as("element %d", i).isEqualTo(expected[i] * scales[i / 32]);
            }
        }
    }

    /** Half a step of the scale, and what rounding the scale to f16 changes of 127 steps. */
    @Test
    void numbersDifferByLessThanAStep() {
        Tensor matrix = Tensor.normal(2, 0, 100, 64);
        BlockMatrix blocks = BlockMatrix.quantize(matrix).orElseThrow();
        float[] values = matrix.toFloatArray();
        float[] widened = blocks.widen().toFloatArray();
        float[] scales = blocks.scales().cast(DType.F32).toFloatArray();
        for (int i = 0; i < values.length; i++) {
            assertThat(Math.abs(widened[i] - values[i])).isLessThanOrEqualTo(scales[i / 32] * (0.5f + 127 * 0x1p-11f) * 1.001f);
        }
    }

    @Test
    void rowsAreAViewOfSome() {
        BlockMatrix blocks = BlockMatrix.quantize(Tensor.normal(3, 0, 10, 64)).orElseThrow();
        assertThat(blocks.rows(3, 7).shape()).isEqualTo(Shape.of(4, 64));
        assertThat(blocks.rows(3, 7).widen().toFloatArray()).isEqualTo(blocks.widen().slice(0, 3, 7).toFloatArray());
    }

    @Test
    void whatCannotBeStoredIsNoMatrixInBlocks() {
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 8.4e6f}) {
            float[] values = new float[128];
            values[70] = bad;
            assertThat(BlockMatrix.quantize(Tensor.of(values, 2, 64))).isEmpty();
        }
        assertThatThrownBy(() -> BlockMatrix.quantize(Tensor.zeros(4, 40))).isInstanceOf(ShapeException.class)
                .hasMessage("[block matrix] needs a matrix with rows of whole blocks of 32 elements, not [4, 40]");
        assertThat(BlockMatrix.fits(Shape.of(4, 40))).isFalse();
        assertThat(BlockMatrix.fits(Shape.of(64))).isFalse();
        assertThat(BlockMatrix.fits(Shape.of(5, 64))).isTrue();
    }

    @Test
    void codesAndScalesThatDoNotMatchAreRefused() {
        Tensor codes = Tensor.full(128, DType.U8, Shape.of(4, 64));
        Tensor scales = Tensor.full(1, DType.F16, Shape.of(4, 2));
        assertThatThrownBy(() -> new BlockMatrix(codes, scales.slice(0, 0, 3))).isInstanceOf(ShapeException.class)
                .hasMessageContaining("[4, 64] and [3, 2]");
        assertThatThrownBy(() -> new BlockMatrix(codes.slice(1, 0, 32), scales.slice(1, 0, 1))).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> new BlockMatrix(scales, scales)).isInstanceOf(DTypeException.class).hasMessageContaining("codes are u8, not f16");
        assertThatThrownBy(() -> new BlockMatrix(codes, scales.cast(DType.F32))).isInstanceOf(DTypeException.class)
                .hasMessageContaining("scales are f16, not f32");
    }
}

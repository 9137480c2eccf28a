package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.autograd.operation.RotaryPositions;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RotaryAppendTest {
    private Scope scope;
    private Tensor q;
    private Tensor k;
    private Tensor v;
    private Tensor cos;
    private Tensor sin;
    private Tensor cache;

    @BeforeEach
    void open() {
        scope = Scope.open();
        q = Tensor.normal(1, 0, 1, 3, 4, 8);
        k = Tensor.normal(1, 1, 1, 3, 2, 8);
        v = Tensor.normal(1, 2, 1, 3, 2, 8);
        cos = Tensor.normal(1, 3, 3, 4);
        sin = Tensor.normal(1, 4, 3, 4);
        cache = Tensor.zeros(2, 3, 2, 8);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private void append(Tensor queries, Tensor keys, Tensor angles, Tensor place) {
        Autograd.withoutRecording(() -> {
            RotaryPositions.applyAndAppend(queries, keys, v, angles, sin, place, cache.slice(0, 1, 2));
            return null;
        });
    }

    @Test
    void keysWithoutUnitStrideAreTakenAndEverythingIsWritten() {
        float[] rotated = Functional.rotaryEmbedding(q, cos, sin).toFloatArray();
        append(q, k.transpose(2, 3).contiguous().transpose(2, 3), cos, cache.slice(0, 0, 1));
        assertThat(q.toFloatArray()).isEqualTo(rotated);
        assertThat(cache.slice(0, 0, 1).toFloatArray()).isEqualTo(Functional.rotaryEmbedding(k, cos, sin).toFloatArray());
        assertThat(cache.slice(0, 1, 2).toFloatArray()).isEqualTo(v.toFloatArray());
    }

    @Test
    void itIsRefusedWhileRecordingAndForOtherShapesAndDtypes() {
        Tensor place = cache.slice(0, 0, 1);
        assertThatThrownBy(() -> RotaryPositions.applyAndAppend(q, k, v, cos, sin, place, place)).isInstanceOf(TensorException.class)
                .hasMessage("[rotary positions] appending to a cache has no gradient; use Autograd.withoutRecording");
        assertThatThrownBy(() -> append(q, k, cos, cache)).isInstanceOf(ShapeException.class).hasMessageContaining("places in the cache");
        assertThatThrownBy(() -> append(q, k, Tensor.ones(2, 4), place)).isInstanceOf(ShapeException.class).hasMessageContaining("angles");
        assertThatThrownBy(() -> append(q, Tensor.empty(DType.BF16, k.shape()), cos, place)).isInstanceOf(DTypeException.class)
                .hasMessage("[rotary positions] all must be f32, not bf16");
        assertThatThrownBy(() -> append(Tensor.zeros(1, 3, 8, 4).transpose(2, 3), k, cos, place)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("unit stride");
        assertThat(cache.toFloatArray()).containsOnly(0);
        assertThat(Shape.of(2, 3, 2, 8)).isEqualTo(cache.shape());
    }
}

package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TensorTest {
    @Test
    void doublesBytesAndTruthValuesComeBackAsTheyWere() {
        try (var _ = Scope.open()) {
            double[] doubles = {Math.PI, -0.0, Double.MIN_VALUE, Double.NaN, Double.NEGATIVE_INFINITY, 1e300};
            assertThat(Tensor.of(doubles).toDoubleArray()).isEqualTo(doubles);
            assertThat(Tensor.of(doubles, 2, 3).transpose(0, 1).get(0, 1)).isNaN();
            assertThat(Tensor.of(doubles).get(0)).isEqualTo(Math.PI);
            assertThat(Tensor.of(doubles).set(1.0 / 3, 0).get(0)).isEqualTo(1.0 / 3);
            assertThat(Tensor.of(new long[] {1L << 40 | 1}).toDoubleArray()).containsExactly(0x1p40 + 1);
            byte[] bytes = new byte[256];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) i;
            }
            assertThat(Tensor.of(bytes).toLongArray()).isEqualTo(LongStream.range(0, 256).toArray());
            assertThat(Tensor.of(bytes).get(-1)).isEqualTo(255);
            assertThat(Tensor.of(bytes).cast(DType.F16).cast(DType.U8).toLongArray()).isEqualTo(Tensor.of(bytes).toLongArray());
            boolean[] truths = {true, false, true};
            assertThat(Tensor.of(truths).toBooleanArray()).isEqualTo(truths);
            assertThat(Tensor.of(new float[] {0, -0f, Float.NaN, 0.5f}).toBooleanArray()).containsExactly(false, false, true, true);
            assertThat(Tensor.full(300, DType.U8, Shape.of(1)).item()).isEqualTo(255);
            assertThat(Tensor.full(Double.NaN, DType.BOOL, Shape.of(2)).sum().item()).isEqualTo(2);
        }
    }


    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void creation() {
        assertThat(Tensor.zeros(2, 2).toFloatArray()).containsExactly(0, 0, 0, 0);
        assertThat(Tensor.full(2.5, DType.BF16, Shape.of(2)).toFloatArray()).containsExactly(2.5f, 2.5f);
        assertThat(Tensor.scalar(7, DType.I64).toLongArray()).containsExactly(7);
        assertThat(Tensor.of(new int[] {1, 2, 3, 4}, 2, 2).shape()).isEqualTo(Shape.of(2, 2));
        assertThat(Tensor.of(new long[] {1L << 40}).dtype()).isEqualTo(DType.I64);
        assertThat(Tensor.arange(3).toFloatArray()).containsExactly(0, 1, 2);
        assertThatThrownBy(() -> Tensor.of(new float[] {1, 2}, 3)).isInstanceOf(ShapeException.class).hasMessageContaining("takes 12 bytes, not 8");
        assertThatThrownBy(() -> Tensor.empty(DType.F32, Shape.of(1L << 61)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[empty] too many bytes for a 64-bit count: f32 [2305843009213693952]");
    }

    @Test
    void randomNumbersDependOnSeedStreamAndPositionAlone() {
        float[] numbers = Tensor.normal(1, 2, 1001).toFloatArray();
        assertThat(Tensor.normal(1, 2, 1001).toFloatArray()).isEqualTo(numbers);
        assertThat(Tensor.normal(1, 2, 13).toFloatArray()).isEqualTo(Arrays.copyOf(numbers, 13));
        assertThat(Tensor.normal(1, 3, 1001).toFloatArray()).isNotEqualTo(numbers);
        assertThat(Tensor.normal(2, 2, 1001).toFloatArray()).isNotEqualTo(numbers);
        Tensor many = Tensor.normal(3, 0, 100_000);
        assertThat(many.mean().item()).isBetween(-0.02f, 0.02f);
        assertThat(many.variance().item()).isBetween(0.98f, 1.02f);
        Tensor uniform = Tensor.uniform(3, 0, 100_000);
        assertThat(uniform.min().item()).isBetween(0f, 0.001f);
        assertThat(uniform.max().item()).isBetween(0.999f, Math.nextDown(1f));
        assertThat(uniform.mean().item()).isBetween(0.49f, 0.51f);
    }

    @Test
    void valuesComeToTheHostInRowMajorOrder() {
        Tensor x = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3).transpose(0, 1);
        assertThat(x.toFloatArray()).containsExactly(1, 4, 2, 5, 3, 6);
        assertThat(x.toLongArray()).containsExactly(1, 4, 2, 5, 3, 6);
        short[] bits = new short[6];
        x.cast(DType.BF16).download(MemorySegment.ofArray(bits));
        assertThat(bits).containsExactly(0x3f80, 0x4080, 0x4000, 0x40a0, 0x4040, 0x40c0);
        float[] rows = new float[2];
        x.select(0, 1).download(MemorySegment.ofArray(rows));
        assertThat(rows).containsExactly(2, 5);
        assertThat(x.select(0, 0).select(0, 1).item()).isEqualTo(4);
        assertThatThrownBy(x::item).isInstanceOf(ShapeException.class).hasMessage("[item] needs exactly one element, not the 6 of [3, 2]");
        assertThatThrownBy(() -> x.download(MemorySegment.ofArray(rows)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[download] f32 [3, 2] takes 24 bytes, not 8");
    }

    @Test
    void uploadOverwritesAContiguousView() {
        Tensor x = Tensor.zeros(3, 2);
        x.slice(0, 1, 2).upload(MemorySegment.ofArray(new float[] {8, 9}));
        assertThat(x.toFloatArray()).containsExactly(0, 0, 8, 9, 0, 0);
        assertThatThrownBy(() -> x.select(1, 0).upload(MemorySegment.ofArray(new float[3])))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[upload] needs a contiguous tensor, not [3] with strides [2]");
    }

    @Test
    void assignBroadcastsAndConverts() {
        Tensor x = Tensor.full(0, DType.BF16, Shape.of(2, 2));
        x.assign(Tensor.of(new float[] {1, 2}));
        assertThat(x.toFloatArray()).containsExactly(1, 2, 1, 2);
        x.transpose(0, 1).select(0, 0).fill(5);
        assertThat(x.toFloatArray()).containsExactly(5, 2, 5, 2);
        assertThatThrownBy(() -> x.assign(Tensor.ones(3)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[assign] [3] does not broadcast to [2, 2]");
    }

    @Test
    void aGradientLivesAsLongAsItsLeaf() {
        Tensor leaf = Tensor.ones(2).requireGradient();
        try (var _ = Scope.open()) {
            leaf.mul(3).sum().backward();
        }
        assertThat(leaf.gradient().toFloatArray()).containsExactly(3, 3);
    }

    @Test
    void strangeDevicesAreRefused() {
        assertThat(Device.names()).contains("cpu");
        assertThat(Device.of("cpu")).isSameAs(Device.cpu()).hasToString("cpu");
        assertThatThrownBy(() -> Device.of("abacus"))
                .isInstanceOf(DeviceException.class)
                .hasMessageStartingWith("[device] no device is called 'abacus'; there is [cpu");
        assertThat(Device.of("cpu:0")).as("the first of its kind").isSameAs(Device.cpu());
        assertThatThrownBy(() -> Device.of("cpu:1")).isInstanceOf(DeviceException.class)
                .hasMessage("[device] there is no cpu:1: this machine has one device of this kind, cpu");
        for (String name : new String[] {"", ":0", "cpu:", "cpu:x", "cpu:-1", "cpu:99999", "cpu:0:0"}) {
            assertThatThrownBy(() -> Device.of(name)).isInstanceOf(DeviceException.class)
                    .hasMessageStartingWith("[device] no device is called '" + name + "'; there is [cpu");
        }
    }

    @Test
    void theReasonOfAnErrorIsItsMessageWithoutTheOperation() {
        for (String[] example : new String[][] {{"[chat template] no end", "no end"}, {"no [rows] left", "no [rows] left"}, {"[a] [b] c", "[b] c"},
            {"[unclosed", "[unclosed"}}) {
            assertThat(new TensorException(example[0]).reason()).isEqualTo(example[1]);
        }
    }
}

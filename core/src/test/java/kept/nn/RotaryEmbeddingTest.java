package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import kept.backend.TensorMemory;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rotary angles. The expected frequencies are what transformers 5.18 computes (in float32, {@code ROPE_INIT_FUNCTIONS} with a head dimension of 16).
 */
class RotaryEmbeddingTest {
    private static final RopeScaling NONE = new RopeScaling.None();

    /** Position, pair, cosine and sine for theta = 10,000 and heads of 128 features, from mpmath with 40 digits. */
    private static final double[][] OF_BASE = {
        {4095, 0, -0.0659759965581, -0.997821210377}, {4095, 1, -0.74236581761, 0.669994770759}, {4095, 17, -0.925826618371, 0.377948505375},
        {4095, 40, 0.92748923657, 0.373849857627}, {4095, 63, 0.890258812183, 0.455454989357}, {131072, 0, 0.0420908152503, -0.999113788951},
        {131072, 1, -0.47589944047, -0.879499700148}, {131072, 17, -0.978717964216, 0.2052100059}, {131072, 40, 0.979229040236, -0.202757211362},
        {131072, 63, -0.840817408969, 0.54131883837}, {199999, 0, 0.478796621877, -0.877925848167}, {199999, 1, -0.650394947292, 0.759596216774},
        {199999, 17, -0.920894054776, 0.38981295499}, {199999, 40, -0.546810441978, -0.83725643655},
        {199999, 63, -0.449692188564, -0.893183595654},
    };

    /** The same for theta = 50,000,000. */
    private static final double[][] OF_LONG_CHAT = {
        {4095, 0, -0.0659759965581, -0.997821210377}, {4095, 1, 0.935102590305, 0.354377123422}, {4095, 17, 0.708743275191, -0.705466490963},
        {4095, 40, 0.998006478323, 0.0631115617413}, {4095, 63, 0.999999994164, 0.000108038938179}, {131072, 0, 0.0420908152503, -0.999113788951},
        {131072, 1, -0.274877909552, -0.961479139056}, {131072, 17, 0.934969891962, 0.354727079774},
        {131072, 40, -0.435514947584, 0.900181498605}, {131072, 63, 0.999994020812, 0.00345808339659},
        {199999, 0, 0.478796621877, -0.877925848167}, {199999, 1, -0.429869882942, -0.902890848187},
        {199999, 17, 0.954608164999, -0.297864484821}, {199999, 40, -0.998365301972, 0.0571552606396},
        {199999, 63, 0.999986078775, 0.00527657615882},
    };

    private static void assertFrequencies(double theta, RopeScaling scaling, long sequence, double... expected) {
        double[] seen = RotaryFrequencies.of(16, theta, scaling, sequence);
        assertThat(seen).hasSameSizeAs(expected);
        for (int i = 0; i < seen.length; i++) {
            assertThat(seen[i]).as("pair %d", i).isCloseTo(expected[i], Percentage.withPercentage(3e-5));
        }
    }

    @Test
    void unscaledFrequencies() {
        assertFrequencies(10000, NONE, 10, 1.0, 0.3162277638912201, 0.10000000149011612, 0.03162277862429619, 0.009999999776482582,
                0.003162277862429619, 0.0010000000474974513, 0.0003162277862429619);
        assertFrequencies(5e7, NONE, 10, 1.0, 0.10905078053474426, 0.011892071925103664, 0.0012968395603820682, 0.00014142136205919087,
                1.5422108845086768e-05, 1.6817928099044366e-06, 1.8340081453516177e-07);
    }

    @Test
    void linearScaling() {
        assertFrequencies(10000, new RopeScaling.Linear(4), 10, 0.25, 0.07905694097280502, 0.02500000037252903, 0.007905694656074047,
                0.0024999999441206455, 0.0007905694656074047, 0.0002500000118743628, 7.905694656074047e-05);
    }

    @Test
    void dynamicScalingBeginsBeyondTheOriginalLength() {
        var scaling = new RopeScaling.DynamicNtk(2, 64);
        assertFrequencies(10000, scaling, 50, 1.0, 0.3162277638912201, 0.10000000149011612, 0.03162277862429619, 0.009999999776482582,
                0.003162277862429619, 0.0010000000474974513, 0.0003162277862429619);
        assertFrequencies(10000, scaling, 160, 1.0, 0.25941282510757446, 0.06729500740766525, 0.01745718903839588, 0.0045286184176802635,
                0.0011747815879061818, 0.0003047533973585814, 7.905694656074047e-05);
    }

    @Test
    void llama3Scaling() {
        assertFrequencies(10000, new RopeScaling.Llama3(8, 1, 4, 64), 10, 1.0, 0.24438458681106567, 0.013042256236076355, 0.0039528473280370235,
                0.0012499999720603228, 0.00039528473280370235, 0.0001250000059371814, 3.9528473280370235e-05);
        assertFrequencies(500000, new RopeScaling.Llama3(8, 1, 4, 8192), 10, 1.0, 0.193922758102417, 0.03760603070259094, 0.00729266507551074,
                0.0005248460220173001, 3.428102354519069e-05, 6.647869668086059e-06, 1.289173155782919e-06);
    }

    @Test
    void yarnScaling() {
        double attentionFactor = RopeScaling.Yarn.attentionFactor(4);
        assertThat(attentionFactor).isCloseTo(1.138629436111989, Offset.offset(1e-14));
        assertFrequencies(10000, new RopeScaling.Yarn(4, 64, 32, 1, attentionFactor, true), 10, 1.0, 0.23717081546783447, 0.04999999701976776,
                0.007905694656074047, 0.0024999999441206455, 0.0007905694656074047, 0.0002500000118743628, 7.905694656074047e-05);
        assertFrequencies(10000, new RopeScaling.Yarn(4, 4096, 32, 1, attentionFactor, true), 10, 1.0, 0.3162277638912201, 0.10000000149011612,
                0.025693506002426147, 0.00624999962747097, 0.0013834965648129582, 0.0002500000118743628, 7.905694656074047e-05);
        double weighted = RopeScaling.Yarn.attentionFactor(4, 1.5, 0.5);
        assertThat(weighted).isCloseTo(1.1296432507391427, Offset.offset(1e-14));
        assertFrequencies(10000, new RopeScaling.Yarn(4, 4096, 16, 2, weighted, false), 10, 1.0, 0.3162277638912201, 0.10000000149011612,
                0.03162277862429619, 0.006761618889868259, 0.0008251044782809913, 0.0002500000118743628, 7.905694656074047e-05);
    }

    /** A factor of 2^64 stops a frequency: the angle of the last of a million positions is 0 for floats. */
    @Test
    void longRopeDividesEachFrequency() {
        var scaling = new RopeScaling.LongRope(List.of(1.0, 4.0, 0x1p64, 1.0), List.of(2.0, 8.0, 1.0, 1.0), 64, 1.25);
        assertThat(RotaryFrequencies.of(8, 10000, scaling, 64)).containsExactly(new double[] {1, 0.025, 0x1p-64 / 100, 0.001},
                Offset.offset(1e-17));
        assertThat(RotaryFrequencies.of(8, 10000, scaling, 65)).containsExactly(new double[] {0.5, 0.0125, 0.01, 0.001}, Offset.offset(1e-17));
        assertThat(RopeScaling.LongRope.attentionFactor(1, 64)).isEqualTo(1);
        assertThat(RopeScaling.LongRope.attentionFactor(32, 4096)).isCloseTo(1.1902380714238083, Offset.offset(1e-14));
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(8, 10000, scaling, 100)) {
            assertThat(rotary.angles(0, 1).cos().toFloatArray()).containsExactly(1.25f, 1.25f, 1.25f, 1.25f);
            assertThat(rotary.angles(3, 1).sin().toFloatArray()[0]).isEqualTo((float) (1.25 * Math.sin(3)));
            assertThat(rotary.angles(3, 1, 65).sin().toFloatArray()[0]).isEqualTo((float) (1.25 * Math.sin(1.5)));
            assertThatThrownBy(() -> new RotaryEmbedding(6, 10000, scaling, 100)).isInstanceOf(TensorException.class)
                    .hasMessageContaining("6 features need 3 factors, not 4");
        }
    }

    @Test
    void anglesAreCosinesAndSinesOfPositionTimesFrequency() {
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(4, 10000, NONE, 100)) {
            RotaryEmbedding.Angles angles = rotary.angles(2, 2);
            assertThat(angles.cos().toFloatArray()).containsExactly(
                    (float) Math.cos(2), (float) Math.cos(0.02), (float) Math.cos(3), (float) Math.cos(0.03));
            assertThat(angles.sin().toFloatArray()).containsExactly(
                    (float) Math.sin(2), (float) Math.sin(0.02), (float) Math.sin(3), (float) Math.sin(0.03));
        }
    }

    @Test
    void anglesAreExactUpToTheLastOfTwoHundredThousandPositions() {
        assertExact(1e4, OF_BASE);
        assertExact(5e7, OF_LONG_CHAT);
    }

    private static void assertExact(double theta, double[]... golden) {
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(128, theta, NONE, 200_000)) {
            for (double[] row : golden) {
                RotaryEmbedding.Angles angles = rotary.angles((long) row[0], 1, 200_000);
                assertThat((double) angles.cos().toFloatArray()[(int) row[1]]).isCloseTo(row[2], Offset.offset(6e-8));
                assertThat((double) angles.sin().toFloatArray()[(int) row[1]]).isCloseTo(row[3], Offset.offset(6e-8));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e4, 5e7})
    void featuresAreRotatedAsInDoublePrecisionUpToTwoHundredThousandPositions(double theta) {
        int rows = 200;
        int width = 32;
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(width, theta, NONE, 200_000)) {
            for (int first : new int[] {0, 4_000, 65_536, 131_000, 199_800}) {
                Tensor x = Tensor.uniform(first, 0, 1, rows, 1, width);
                RotaryEmbedding.Angles angles = rotary.angles(first, rows, 200_000);
                float[] before = x.toFloatArray();
                float[] after = Functional.rotaryEmbedding(x, angles.cos(), angles.sin()).toFloatArray();
                for (int i = 0; i < after.length; i++) {
                    int feature = i % width;
                    int pair = feature % (width / 2);
                    double angle = (first + i / width) * Math.pow(theta, -2.0 * pair / width);
                    double a = before[i - feature + pair];
                    double b = before[i - feature + pair + width / 2];
                    double expected = feature < width / 2 ? a * Math.cos(angle) - b * Math.sin(angle) : b * Math.cos(angle) + a * Math.sin(angle);
                    assertThat((double) after[i]).isCloseTo(expected, Offset.offset(3e-7));
                }
            }
        }
    }

    @Test
    void earlierPositionsOfALongSequenceAreScaledForAllOfIt() {
        var scaling = new RopeScaling.DynamicNtk(2, 8);
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(16, 10000, scaling, 40)) {
            assertThat(rotary.angles(5, 2, 20).sin().toFloatArray()).isEqualTo(rotary.angles(0, 20).sin().slice(0, 5, 7).toFloatArray());
            assertThatThrownBy(() -> rotary.angles(5, 2, 41)).isInstanceOf(ShapeException.class).hasMessageContaining("outside the model's 40");
        }
    }

    @Test
    void yarnMultipliesCosinesAndSines() {
        var scaling = new RopeScaling.Yarn(4, 64, 32, 1, 1.5, true);
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(4, 10000, scaling, 100)) {
            assertThat(rotary.angles(0, 1).cos().toFloatArray()).containsExactly(1.5f, 1.5f);
            assertThat(rotary.angles(3, 1).sin().toFloatArray()[0]).isEqualTo((float) (1.5 * Math.sin(3)));
        }
    }

    @Test
    void tableIsKeptAndOutlivesStepsAndGrowth() {
        try (var scope = Scope.open()) {
            var rotary = new RotaryEmbedding(8, 10000, NONE, 100);
            RotaryEmbedding.Angles first;
            try (var _ = Scope.open()) {
                first = rotary.angles(0, 10);
            }
            assertThat(TensorMemory.buffer(rotary.angles(0, 10).cos())).as("made once").isSameAs(TensorMemory.buffer(first.cos()));
            assertThat(TensorMemory.buffer(rotary.angles(4, 3).sin())).isSameAs(TensorMemory.buffer(first.sin()));
            float[] before = first.cos().toFloatArray();
            RotaryEmbedding.Angles longer = rotary.angles(0, 100);
            assertThat(first.cos().toFloatArray()).as("still valid").isEqualTo(before);
            assertThat(longer.cos().slice(0, 0, 10).toFloatArray()).isEqualTo(before);
            long open = scope.device().memoryUsage().inUse();
            rotary.close();
            assertThat(scope.device().memoryUsage().inUse()).isLessThan(open);
        }
    }

    @Test
    void dynamicScalingUsesTheWholeSequenceSoFar() {
        var scaling = new RopeScaling.DynamicNtk(2, 8);
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(16, 10000, scaling, 40)) {
            double[] frequencies = RotaryFrequencies.of(16, 10000, scaling, 20);
            assertThat(rotary.angles(19, 1).sin().toFloatArray()[3]).isEqualTo((float) Math.sin(19 * frequencies[3]));
            assertThat(rotary.angles(0, 8).sin().toFloatArray()[8 * 7 + 3]).as("short sequences are as they were")
                    .isEqualTo((float) Math.sin(7 * RotaryFrequencies.of(16, 10000, NONE, 8)[3]));
        }
    }

    @Test
    void positionsBeyondTheModelAreRefused() {
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(8, 10000, NONE, 100)) {
            assertThatThrownBy(() -> rotary.angles(90, 11)).isInstanceOf(ShapeException.class)
                    .hasMessage("[rotary embedding] positions 90 to 100 lie outside the model's 100; shorten the sequence");
            assertThatThrownBy(() -> new RotaryEmbedding(7, 10000, NONE, 100)).isInstanceOf(TensorException.class).hasMessageContaining("even");
            assertThatThrownBy(() -> new RotaryEmbedding(8, 0, NONE, 100)).isInstanceOf(TensorException.class).hasMessageContaining("theta");
        }
    }
}

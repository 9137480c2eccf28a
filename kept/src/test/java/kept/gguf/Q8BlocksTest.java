package kept.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import kept.safetensors.SafetensorsFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The quantisation of blocks, against golden bytes of llama.cpp's Python package; {@code make_golden.py} made them. */
class Q8BlocksTest {
    static Path golden(String file) {
        try {
            return Path.of(Q8BlocksTest.class.getResource("/kept/gguf/" + file).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void bytesAreThoseOfTheReference() {
        try (SafetensorsFile file = SafetensorsFile.open(golden("blocks.safetensors"))) {
            float[] values = file.data("values").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            byte[] expected = file.data("q8_0").toArray(ValueLayout.JAVA_BYTE);
            var actual = new byte[values.length / 32 * 34];
            assertThat(Q8Blocks.quantize(values, actual, 0)).isEqualTo(-1);
            for (int block = 0; block < values.length / 32; block++) {
                boolean isNormal = (expected[block * 34 + 1] & 0x7c) != 0;
                boolean isZero = expected[block * 34] == 0 && expected[block * 34 + 1] == 0;
                if (!isNormal && !isZero) {
                    // The reference does not round for the scale that it stores.
                    continue;
                }
                assertThat(Arrays.copyOfRange(actual, block * 34, block * 34 + 34)).as("block %d", block)
                        .isEqualTo(Arrays.copyOfRange(expected, block * 34, block * 34 + 34));
            }
        }
    }

    @Test
    void halvesGoAwayFromZero() {
        var row = new float[32];
        row[0] = 127;
        row[1] = 0.5f;
        row[2] = -0.5f;
        row[3] = 1.5f;
        row[4] = -2.5f;
        row[5] = 0.49999997f;
        row[6] = -0.49999997f;
        var bytes = new byte[34];
        assertThat(Q8Blocks.quantize(row, bytes, 0)).isEqualTo(-1);
        assertThat(Arrays.copyOfRange(bytes, 2, 9)).containsExactly(127, 1, -1, 2, -3, 0, 0);
    }

    @Test
    void aBlockWhoseScaleIsNothingInF16IsNothing() {
        var row = new float[32];
        Arrays.fill(row, Float.MIN_VALUE);
        row[7] = -1e-38f;
        var bytes = new byte[34];
        Arrays.fill(bytes, (byte) 9);
        assertThat(Q8Blocks.quantize(row, bytes, 0)).isEqualTo(-1);
        assertThat(bytes[0]).isZero();
        assertThat(bytes[1]).isZero();
    }

    /** A scale of few bits: a reader multiplies with the stored one, to which the bytes must fit. */
    @ParameterizedTest
    @ValueSource(floats = {0x1p-14f, 0.9f * 0x1p-14f, 0x1p-18f, 0x1.8p-22f, 0x1.4p-23f, 0x1.01p-24f, 0x1.2p-25f})
    void elementsOfAScaleThatF16HasNotExactlyAreRoundedForTheStoredOne(float scale) {
        var row = new float[32];
        for (int i = 0; i < 32; i++) {
            row[i] = scale * 127 * (i - 15) / 16;
        }
        var bytes = new byte[34];
        assertThat(Q8Blocks.quantize(row, bytes, 0)).isEqualTo(-1);
        float stored = Float.float16ToFloat((short) (bytes[0] & 0xff | bytes[1] << 8));
        assertThat(stored).isBetween(scale, scale + 0x1p-24f);
        for (int i = 0; i < 32; i++) {
            assertThat(Math.abs(stored * bytes[2 + i] - row[i])).as("element " + i).isLessThanOrEqualTo(stored * 0.5001f);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 8.4e6f})
    void whatCannotBeStoredIsFoundInItsBlock(float bad) {
        var row = new float[96];
        Arrays.fill(row, 3);
        row[70] = bad;
        assertThat(Q8Blocks.quantize(row, new byte[102], 0)).isEqualTo(64);
    }
}

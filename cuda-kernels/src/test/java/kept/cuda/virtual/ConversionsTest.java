package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Random;
import kept.cuda.virtual.ExactRounding.Format;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConversionsTest {
    private static float[] numbers() {
        var random = new Random(11);
        float[] values = new float[800];
        for (int i = 0; i < values.length; i++) {
            int scale = i % 4 == 0 ? random.nextInt(200) - 150 : random.nextInt(30) - 20;
            values[i] = (float) (random.nextGaussian() * Math.pow(2, scale));
        }
        float[] edges = {1 + 0x1p-8f, 1 + 0x1p-8f + 0x1p-20f, 1 + 3 * 0x1p-8f, 65504, 65519, 65520, Float.MAX_VALUE, 0x1p-24f, 0x1p-25f, 0x1.8p-25f,
            Float.MIN_VALUE, -Float.MAX_VALUE, 1 + 0x1p-11f, 1 + 0x1p-11f + 0x1p-23f};
        System.arraycopy(edges, 0, values, 0, edges.length);
        return values;
    }

    @ParameterizedTest
    @ValueSource(strings = {"rn", "rz", "rm", "rp"})
    void f32ToHalfIsRoundedOnce(String rounding) {
        RoundingMode mode = ExactRounding.mode(rounding);
        float[] values = numbers();
        long[] halves = Snippet.run("cvt." + rounding + ".f16.f32", "HF", Snippet.floats(values));
        for (int i = 0; i < values.length; i++) {
            assertThat((double) Float.float16ToFloat((short) halves[i])).describedAs("%s", values[i])
                    .isEqualTo(Format.F16.round(new BigDecimal(values[i]), mode));
        }
        if (!rounding.equals("rm") && !rounding.equals("rp")) {
            long[] brains = Snippet.run("cvt." + rounding + ".bf16.f32", "HF", Snippet.floats(values));
            for (int i = 0; i < values.length; i++) {
                assertThat((double) Float.intBitsToFloat((int) brains[i] << 16)).describedAs("%s", values[i])
                        .isEqualTo(Format.BF16.round(new BigDecimal(values[i]), mode));
            }
        }
    }

    @Test
    void aPairHasItsFirstOperandInTheUpperHalf() {
        assertThat(Snippet.one("cvt.rn.bf16x2.f32", "WFF", Snippet.floats(1, -2))).isEqualTo(0x3f80c000L);
        assertThat(Snippet.one("cvt.rn.f16x2.f32", "WFF", Snippet.floats(1, -2))).isEqualTo(0x3c00c000L);
        assertThat(Snippet.one("cvt.rn.relu.bf16x2.f32", "WFF", Snippet.floats(1, -2))).isEqualTo(0x3f800000L);
        assertThat(Snippet.one("cvt.rn.bf16.f32", "HF", Snippet.floats(Float.NaN))).isEqualTo(0x7fff);
    }

    @Test
    void conversionsTo32BitsAreExact() {
        assertThat(Snippet.one("cvt.f32.f16", "FH", 0x0001)).isEqualTo(Snippet.floats(0x1p-24f)[0]);
        assertThat(Snippet.one("cvt.f32.bf16", "FH", 0xc049)).isEqualTo(0xc0490000L);
        assertThat(Double.longBitsToDouble(Snippet.one("cvt.f64.f16", "DH", 0x3555))).isEqualTo(Float.float16ToFloat((short) 0x3555));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rn", "rz", "rm", "rp"})
    void wideNumbersBecomeF32WithOneRounding(String rounding) {
        RoundingMode mode = ExactRounding.mode(rounding);
        var random = new Random(5);
        long[] integers = new long[300];
        long[] doubles = new long[300];
        for (int i = 0; i < integers.length; i++) {
            integers[i] = i == 0 ? Long.MAX_VALUE : i == 1 ? Long.MIN_VALUE : i == 2 ? -1 : i == 3 ? (1L << 54) + 1
                    : random.nextLong() >> random.nextInt(50);
            doubles[i] = Double.doubleToRawLongBits(i == 0 ? 1 + 0x1p-24 : i == 1 ? 1e300 : i == 2 ? -1e-300
                    : random.nextGaussian() * Math.pow(2, random.nextInt(280) - 140));
        }
        long[] signed = Snippet.run("cvt." + rounding + ".f32.s64", "FL", integers);
        long[] unsigned = Snippet.run("cvt." + rounding + ".f32.u64", "FL", integers);
        long[] narrowed = Snippet.run("cvt." + rounding + ".f32.f64", "FD", doubles);
        for (int i = 0; i < integers.length; i++) {
            BigDecimal exact = new BigDecimal(integers[i]);
            BigDecimal exactUnsigned = new BigDecimal(new BigInteger(Long.toUnsignedString(integers[i])));
            assertThat((double) Float.intBitsToFloat((int) signed[i])).isEqualTo(Format.F32.round(exact, mode));
            assertThat((double) Float.intBitsToFloat((int) unsigned[i])).isEqualTo(Format.F32.round(exactUnsigned, mode));
            BigDecimal value = new BigDecimal(Double.longBitsToDouble(doubles[i]));
            assertThat((double) Float.intBitsToFloat((int) narrowed[i])).describedAs("%s", value).isEqualTo(Format.F32.round(value, mode));
        }
    }

    @Test
    void f32BecomesTheNearestIntegerInRange() {
        float[] values = {1.5f, 2.5f, -1.5f, -0.5f, 3e9f, -3e9f, Float.NaN, 1e20f, Float.NEGATIVE_INFINITY, 0.999f};
        long[] bits = Snippet.floats(values);
        assertThat(words(Snippet.run("cvt.rni.s32.f32", "WF", bits)))
                .containsExactly(2, 2, -2, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 1);
        assertThat(words(Snippet.run("cvt.rzi.s32.f32", "WF", bits)))
                .containsExactly(1, 2, -1, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 0);
        assertThat(words(Snippet.run("cvt.rmi.s32.f32", "WF", bits)))
                .containsExactly(1, 2, -2, -1, Integer.MAX_VALUE, Integer.MIN_VALUE, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 0);
        assertThat(words(Snippet.run("cvt.rpi.s32.f32", "WF", bits)))
                .containsExactly(2, 3, -1, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 0, Integer.MAX_VALUE, Integer.MIN_VALUE, 1);
        assertThat(words(Snippet.run("cvt.rzi.u32.f32", "WF", bits))).containsExactly(1, 2, 0, 0, (int) 3000000000L, 0, 0, -1, 0, 0);
        assertThat(Snippet.run("cvt.rzi.u64.f32", "LF", bits)[7]).isEqualTo(-1);
        assertThat(Snippet.run("cvt.rzi.s64.f32", "LF", bits)[4]).isEqualTo(3000000000L);
        assertThat(Snippet.one("cvt.rzi.s64.f64", "LD", Double.doubleToRawLongBits(Double.NaN))).isEqualTo(Long.MIN_VALUE);
    }

    @Test
    void f32IsRoundedToWholeNumbersOfItsOwnKind() {
        float[] values = {1.5f, 2.5f, -0.25f, 1e20f};
        assertThat(Snippet.run("cvt.rni.f32.f32", "FF", Snippet.floats(values))).containsExactly(Snippet.floats(2, 2, -0f, 1e20f));
        assertThat(Snippet.run("cvt.rmi.f32.f32", "FF", Snippet.floats(values))).containsExactly(Snippet.floats(1, 2, -1, 1e20f));
        assertThat(Snippet.run("cvt.sat.f32.f32", "FF", Snippet.floats(1.5f, -1, 0.5f, Float.NaN))).containsExactly(Snippet.floats(1, 0, 0.5f, 0));
    }

    @Test
    void integersAreTruncatedExtendedOrSaturated() {
        assertThat(Snippet.one("cvt.s64.s32", "LW", 0xfffffffeL)).isEqualTo(-2);
        assertThat(Snippet.one("cvt.u64.u32", "LW", 0xfffffffeL)).isEqualTo(0xfffffffeL);
        assertThat(Snippet.one("cvt.u32.u64", "WL", 0x1_2345_6789L)).isEqualTo(0x23456789L);
        assertThat(Snippet.one("cvt.s32.s16", "WH", 0xfffe)).isEqualTo(0xfffffffeL);
        assertThat(Snippet.one("cvt.u32.u16", "WH", 0xfffe)).isEqualTo(0xfffeL);
        assertThat(Snippet.one("cvt.u16.u32", "HW", 0x12345)).isEqualTo(0x2345);
        assertThat(Snippet.one("cvt.s32.s8", "WW", 0x1ff)).isEqualTo(0xffffffffL);
        assertThat(Snippet.one("cvt.u32.u8", "WW", 0x1ff)).isEqualTo(0xff);
        assertThat(Snippet.one("cvt.s16.s8", "HH", 0x80)).isEqualTo(0xff80);
        assertThat(Snippet.one("cvt.sat.u8.s32", "WW", 300)).isEqualTo(255);
        assertThat(Snippet.one("cvt.sat.s16.s32", "HW", -70000 & 0xffffffffL)).isEqualTo(0x8000);
        assertThat(Snippet.one("cvt.sat.u32.s32", "WW", 0xffffffffL)).isZero();
    }

    /** cvt is one of the few instructions whose registers may be wider than its types. */
    @Test
    void theLowBitsOfAWideRegisterAreUsed() {
        assertThat(Snippet.one("cvt.u32.u16", "WW", 0x12349abcL)).isEqualTo(0x9abcL);
        assertThat(Snippet.one("cvt.s32.s16", "WW", 0x12349abcL)).isEqualTo(0xffff9abcL);
        assertThat(Snippet.one("cvt.u32.u16", "WL", 0x7_1234_9abcL)).isEqualTo(0x9abcL);
        assertThat(Snippet.one("cvt.u32.u32", "WL", 0x7_f234_9abcL)).isEqualTo(0xf234_9abcL);
        assertThat(Snippet.one("cvt.s32.s8", "WL", 0x7_1234_9abcL)).isEqualTo(0xffffffbcL);
        assertThat(Snippet.one("cvt.s64.s32", "LL", 0x7_f234_9abcL)).isEqualTo(0xffff_ffff_f234_9abcL);
        assertThat(Snippet.one("cvt.u64.u32", "LL", 0x7_f234_9abcL)).isEqualTo(0xf234_9abcL);
        assertThat(Snippet.one("cvt.u64.u8", "LL", 0x7_f234_9abcL)).isEqualTo(0xbc);
        assertThat(Snippet.one("cvt.rn.f32.s32", "FL", 0x7_ffff_fffeL)).isEqualTo(Snippet.floats(-2)[0]);
        assertThat(Snippet.one("cvt.rn.f32.s16", "FW", 0x1_fffe)).isEqualTo(Snippet.floats(-2)[0]);
        assertThat(Snippet.one("cvt.f32.f16", "FW", 0x7777c000)).isEqualTo(Snippet.floats(-2)[0]);
    }

    @Test
    void aResultIsExtendedToAWideRegister() {
        assertThat(Snippet.one("cvt.s16.s32", "WW", 0x18000)).isEqualTo(0xffff8000L);
        assertThat(Snippet.one("cvt.u16.u32", "WW", 0x18001)).isEqualTo(0x8001);
        assertThat(Snippet.one("cvt.s16.s32", "LW", 0x18000)).isEqualTo(-0x8000);
        assertThat(Snippet.one("cvt.u16.u32", "LW", 0x18001)).isEqualTo(0x8001);
        assertThat(Snippet.one("cvt.s8.s32", "LW", 0x180)).isEqualTo(-0x80);
        assertThat(Snippet.one("cvt.s8.s32", "WW", 0x180)).isEqualTo(0xffffff80L);
        assertThat(Snippet.one("cvt.s8.s32", "HW", 0x180)).isEqualTo(0xff80);
        assertThat(Snippet.one("cvt.u8.u32", "LL", 0x7_f234_9abcL)).isEqualTo(0xbc);
        assertThat(Snippet.one("cvt.rzi.s32.f32", "LF", Snippet.floats(-3.7f))).isEqualTo(-3);
        assertThat(Snippet.one("cvt.rzi.u32.f32", "LF", Snippet.floats(3e9f))).isEqualTo(3_000_000_000L);
        assertThat(Snippet.one("cvt.rn.f16.f32", "WF", Snippet.floats(-2))).isEqualTo(0xc000);
        assertThat(Snippet.one("cvt.rn.f32.f64", "LD", Double.doubleToRawLongBits(-2))).isEqualTo(Snippet.floats(-2)[0]);
    }

    @Test
    void aNarrowRegisterIsRefused() {
        for (String line : new String[] {"cvt.u32.u64 WW", "cvt.s64.s32 WW", "cvt.u32.u16 HH", "cvt.u32.u32 WH", "cvt.rn.bf16x2.f32 HFF"}) {
            String[] parts = line.split(" ");
            assertThatThrownBy(() -> Snippet.one(parts[0], parts[1], new long[parts[1].length() - 1])).as(line).isInstanceOf(PtxException.class)
                    .hasMessageContaining("is narrower than a type of " + parts[0]);
        }
    }

    @Test
    void integersBecomeFloats() {
        assertThat(Snippet.one("cvt.rn.f32.s32", "FW", 16777217)).isEqualTo(Snippet.floats(16777216)[0]);
        assertThat(Snippet.one("cvt.rp.f32.s32", "FW", 16777217)).isEqualTo(Snippet.floats(16777218)[0]);
        assertThat(Snippet.one("cvt.rn.f32.u32", "FW", 0xffffffffL)).isEqualTo(Snippet.floats(0x1p32f)[0]);
        assertThat(Snippet.one("cvt.rz.f32.u32", "FW", 0xffffffffL)).isEqualTo(Snippet.floats(4294967040f)[0]);
        assertThat(Snippet.one("cvt.rn.f16.s32", "HW", 2049)).isEqualTo(0x6800);
        assertThat(Double.longBitsToDouble(Snippet.one("cvt.rn.f64.s32", "DW", 0xffffffffL))).isEqualTo(-1);
        assertThat(Double.longBitsToDouble(Snippet.one("cvt.rn.f64.u64", "DL", -1))).isEqualTo(0x1p64);
    }

    @Test
    void tf32IsF32WithTenBitsAfterThePoint() {
        assertThat(Snippet.one("cvt.rna.tf32.f32", "WF", Snippet.floats(1 + 0x1p-11f))).isEqualTo(Snippet.floats(1 + 0x1p-10f)[0]);
        assertThat(Snippet.one("cvt.rna.tf32.f32", "WF", Snippet.floats(1 + 0x1p-12f))).isEqualTo(Snippet.floats(1)[0]);
    }

    private static int[] words(long[] values) {
        int[] words = new int[values.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = (int) values[i];
        }
        return words;
    }
}

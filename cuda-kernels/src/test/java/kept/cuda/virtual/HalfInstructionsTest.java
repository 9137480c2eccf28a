package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Random;
import kept.cuda.virtual.ExactRounding.Format;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HalfInstructionsTest {
    private static double value(long bits, boolean isBf16) {
        return isBf16 ? Float.intBitsToFloat((int) bits << 16) : Float.float16ToFloat((short) bits);
    }

    private static boolean finite(long bits, boolean isBf16) {
        return Double.isFinite(value(bits, isBf16));
    }

    /** Returns the bits of finite numbers, including small exponents. */
    private static long[] numbers(long seed, boolean isBf16) {
        var random = new Random(seed);
        long[] bits = new long[600];
        for (int i = 0; i < bits.length; i++) {
            do {
                bits[i] = i % 3 == 0 ? random.nextInt(1 << 16) : (isBf16 ? 0x3f80 : 0x3c00) + random.nextInt(600) - 300 | (i & 1) << 15;
            } while (!finite(bits[i], isBf16));
        }
        return bits;
    }

    @ParameterizedTest
    @CsvSource({"f16, false", "bf16, true"})
    void sumsProductsAndFusedOnesAreRoundedOnce(String type, boolean isBf16) {
        Format format = isBf16 ? Format.BF16 : Format.F16;
        long[] a = numbers(1, isBf16);
        long[] b = numbers(2, isBf16);
        long[] c = numbers(3, isBf16);
        long[] sums = Snippet.run("add." + type, "HHH", a, b);
        long[] products = Snippet.run("mul." + type, "HHH", a, b);
        long[] fused = Snippet.run("fma.rn." + type, "HHHH", a, b, c);
        for (int i = 0; i < a.length; i++) {
            BigDecimal x = new BigDecimal(value(a[i], isBf16));
            BigDecimal y = new BigDecimal(value(b[i], isBf16));
            BigDecimal z = new BigDecimal(value(c[i], isBf16));
            assertThat(value(sums[i], isBf16)).isEqualTo(format.round(x.add(y), RoundingMode.HALF_EVEN));
            assertThat(value(products[i], isBf16) + 0.0).isEqualTo(format.round(x.multiply(y), RoundingMode.HALF_EVEN) + 0.0);
            assertThat(value(fused[i], isBf16) + 0.0).describedAs("%s * %s + %s", x, y, z)
                    .isEqualTo(format.round(x.multiply(y).add(z), RoundingMode.HALF_EVEN) + 0.0);
        }
    }

    @Test
    void fmaRoundsOnce() {
        // (1 + 2^-7)^2 is 1 + 2^-6 + 2^-14; with an addend of 2^-9 it is just above a midpoint of bf16.
        long a = 0x3f81;
        long c = 0x3b00;
        double exact = (1 + 0x1p-7) * (1 + 0x1p-7) + 0x1p-9;
        assertThat(value(Snippet.one("fma.rn.bf16", "HHHH", a, a, c), true))
                .isEqualTo(Format.BF16.round(new BigDecimal(exact), RoundingMode.HALF_EVEN));
        // 7 * 293 is 2051, the midpoint of 2050 and 2052; an addend of -2^-24, which f32 would lose, decides.
        assertThat(value(Snippet.one("fma.rn.f16", "HHHH", 0x4700, 0x5c94, 0x8001), false)).isEqualTo(2050);
        assertThat(value(Snippet.one("fma.rn.f16", "HHHH", 0x4700, 0x5c94, 0x0000), false)).isEqualTo(2052);
        // Likewise 7 * 37 = 259 in bf16, with an addend of -2^-100, which f64 would lose.
        assertThat(value(Snippet.one("fma.rn.bf16", "HHHH", 0x40e0, 0x4214, 0x8d80), true)).isEqualTo(258);
        assertThat(value(Snippet.one("fma.rn.bf16", "HHHH", 0x40e0, 0x4214, 0x0000), true)).isEqualTo(260);
    }

    @Test
    void pairsComputeBothHalves() {
        long low = Snippet.one("fma.rn.bf16", "HHHH", 0x3f81, 0x4001, 0x3c00);
        long high = Snippet.one("fma.rn.bf16", "HHHH", 0xbf90, 0x4101, 0x3d00);
        assertThat(Snippet.one("fma.rn.bf16x2", "WWWW", 0xbf903f81L, 0x41014001L, 0x3d003c00L)).isEqualTo(high << 16 | low);
        assertThat(Snippet.one("max.bf16x2", "WWW", 0xbf803f80L, 0xc0004000L)).isEqualTo(0xbf804000L);
        assertThat(Snippet.one("neg.f16x2", "WW", 0xbc003c00L)).isEqualTo(0x3c00bc00L);
        assertThat(Snippet.one("set.eq.f16x2.f16x2", "WWW", 0x3c004000L, 0x3c004200L)).isEqualTo(0x3c000000L);
    }

    @Test
    void minimumAndMaximumIgnoreNanUnlessTheyPropagateIt() {
        assertThat(Snippet.one("max.bf16", "HHH", 0x7fc1, 0x3f80)).isEqualTo(0x3f80);
        assertThat(Snippet.one("max.NaN.bf16", "HHH", 0x7fc1, 0x3f80)).isEqualTo(0x7fff);
        assertThat(Snippet.one("min.f16", "HHH", 0x0000, 0x8000)).isEqualTo(0x8000);
    }

    @Test
    void infinitiesAndOverflow() {
        assertThat(Snippet.one("add.f16", "HHH", 0x7bff, 0x7bff)).isEqualTo(0x7c00);
        assertThat(Snippet.one("mul.bf16", "HHH", 0x7f00, 0xc080)).isEqualTo(0xff80);
        assertThat(Snippet.one("sub.f16", "HHH", 0x7c00, 0x7c00)).isEqualTo(0x7fff);
    }
}

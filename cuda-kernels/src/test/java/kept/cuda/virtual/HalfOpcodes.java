package kept.cuda.virtual;

import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import kept.cuda.virtual.Functions.Int3;
import kept.cuda.virtual.Rounding.Mode;

/** Arithmetic on 16-bit floats, single and packed in pairs, rounded once as in hardware. */
final class HalfOpcodes {
    private HalfOpcodes() {}

    /** f16 or bf16. */
    private record Format(String name, boolean isBf16) {
        double widen(int bits) {
            return isBf16 ? Rounding.fromBf16(bits & 0xffff) : Rounding.fromF16(bits & 0xffff);
        }

        /** Rounds an exact value, given as the nearest f64 and its error. */
        int round(double high, double low) {
            // Rounds to odd in f64 and then in f32, which preserves the information for the final rounding.
            double odd = Rounding.toOdd(high, low);
            float nearest = (float) odd;
            float value = Rounding.toFloat(odd, 0, Mode.RZ);
            if (value != odd && !Double.isNaN(odd)) {
                value = Float.intBitsToFloat(Float.floatToRawIntBits(value) | 1);
            }
            float result = Double.isInfinite(odd) ? nearest : value;
            return isBf16 ? Rounding.toBf16(result, Mode.RN) : Rounding.toF16(result, Mode.RN);
        }
    }

    static void define(OpTable table) {
        define(table, new Format("f16", false));
        define(table, new Format("bf16", true));
    }

    private static void define(OpTable table, Format format) {
        for (String direction : new String[] {"", ".rn"}) {
            two(table, format, "add" + direction, (a, b) -> sum(format, format.widen(a), format.widen(b)));
            two(table, format, "sub" + direction, (a, b) -> sum(format, format.widen(a), -format.widen(b)));
            two(table, format, "mul" + direction, (a, b) -> format.round(format.widen(a) * format.widen(b), 0));
        }
        Int3 fma = (a, b, c) -> sum(format, format.widen(a) * format.widen(b), format.widen(c));
        three(table, format, "fma.rn", fma);
        three(table, format, "fma.rn.relu", (a, b, c) -> relu(fma.apply(a, b, c)));
        two(table, format, "min", (a, b) -> smaller(format, a, b, false));
        two(table, format, "max", (a, b) -> larger(format, a, b, false));
        two(table, format, "min.NaN", (a, b) -> smaller(format, a, b, true));
        two(table, format, "max.NaN", (a, b) -> larger(format, a, b, true));
        one(table, format, "neg", a -> a ^ 0x8000);
        one(table, format, "abs", a -> a & 0x7fff);
        one(table, format, format.isBf16() ? "ex2.approx.ftz" : "ex2.approx", a -> format.round(Math.pow(2, format.widen(a)), 0));
        one(table, format, "tanh.approx", a -> format.round(Math.tanh(format.widen(a)), 0));
    }

    private static int sum(Format format, double a, double b) {
        double high = a + b;
        return format.round(high, Rounding.lost(a, b, high));
    }

    private static int relu(int bits) {
        return (bits & 0x8000) != 0 ? 0 : bits;
    }

    private static int smaller(Format format, int a, int b, boolean keepNaN) {
        double x = format.widen(a);
        double y = format.widen(b);
        if (x != x || y != y) {
            return x != x && y != y || keepNaN ? 0x7fff : x != x ? b : a;
        }
        return Double.compare(x, y) <= 0 ? a : b;
    }

    private static int larger(Format format, int a, int b, boolean keepNaN) {
        double x = format.widen(a);
        double y = format.widen(b);
        if (x != x || y != y) {
            return x != x && y != y || keepNaN ? 0x7fff : x != x ? b : a;
        }
        return Double.compare(x, y) >= 0 ? a : b;
    }

    private static void one(OpTable table, Format format, String name, IntUnaryOperator function) {
        table.word1(name + "." + format.name(), a -> function.applyAsInt(a & 0xffff));
        table.word1(name + "." + format.name() + "x2", a -> function.applyAsInt(a & 0xffff) | function.applyAsInt(a >>> 16) << 16);
    }

    private static void two(OpTable table, Format format, String name, IntBinaryOperator function) {
        table.word2(name + "." + format.name(), (a, b) -> function.applyAsInt(a & 0xffff, b & 0xffff));
        table.word2(name + "." + format.name() + "x2",
                (a, b) -> function.applyAsInt(a & 0xffff, b & 0xffff) | function.applyAsInt(a >>> 16, b >>> 16) << 16);
    }

    private static void three(OpTable table, Format format, String name, Int3 function) {
        table.word3(name + "." + format.name(), (a, b, c) -> function.apply(a & 0xffff, b & 0xffff, c & 0xffff));
        table.word3(name + "." + format.name() + "x2", (a, b, c) -> function.apply(a & 0xffff, b & 0xffff, c & 0xffff)
                | function.apply(a >>> 16, b >>> 16, c >>> 16) << 16);
    }
}

package kept.cuda.virtual;

import java.util.Locale;
import kept.cuda.virtual.Functions.Float1;
import kept.cuda.virtual.Functions.Float2;
import kept.cuda.virtual.Functions.Float3;
import kept.cuda.virtual.Rounding.Mode;

/**
 * Instructions on f32 and f64. Those with a rounding mode are correctly rounded. Those that hardware approximates are computed in f64 and rounded, so
 * that they differ from hardware by an ulp or two, as one hardware generation does from another.
 */
final class FloatOpcodes {
    private static final double LN_2 = Math.log(2);

    private FloatOpcodes() {}

    static void define(OpTable table) {
        for (String direction : new String[] {"", ".rn", ".rz", ".rm", ".rp"}) {
            rounded(table, direction, direction.isEmpty() ? Mode.RN : Mode.valueOf(direction.substring(1).toUpperCase(Locale.ROOT)));
        }
        approximate(table);
        exact(table);
        doubles(table);
    }

    private static void rounded(OpTable table, String direction, Mode mode) {
        both2(table, "add", direction, mode == Mode.RN ? (a, b) -> a + b : (a, b) -> Rounding.add(a, b, mode));
        both2(table, "sub", direction, mode == Mode.RN ? (a, b) -> a - b : (a, b) -> Rounding.add(a, -b, mode));
        both2(table, "mul", direction, mode == Mode.RN ? (a, b) -> a * b : (a, b) -> Rounding.multiply(a, b, mode));
        if (!direction.isEmpty()) {
            Float3 fma = mode == Mode.RN ? Math::fma : (a, b, c) -> Rounding.fma(a, b, c, mode);
            both3(table, "fma", direction, fma);
            both3(table, "mad", direction, fma);
            table.float2("div" + direction + ".f32", (a, b) -> Rounding.divide(a, b, mode));
            table.float2("div" + direction + ".ftz.f32", flushed((a, b) -> Rounding.divide(a, b, mode)));
            table.float1("rcp" + direction + ".f32", a -> Rounding.divide(1, a, mode));
            table.float1("rcp" + direction + ".ftz.f32", flushed(a -> Rounding.divide(1, a, mode)));
            table.float1("sqrt" + direction + ".f32", a -> Rounding.sqrt(a, mode));
            table.float1("sqrt" + direction + ".ftz.f32", flushed(a -> Rounding.sqrt(a, mode)));
        }
    }

    /** Adds the variants with {@code .ftz} and {@code .sat}. */
    private static void both2(OpTable table, String name, String direction, Float2 function) {
        table.float2(name + direction + ".f32", function);
        table.float2(name + direction + ".ftz.f32", flushed(function));
        table.float2(name + direction + ".sat.f32", (a, b) -> Rounding.saturate(function.apply(a, b)));
        table.float2(name + direction + ".ftz.sat.f32", (a, b) -> Rounding.saturate(flushed(function).apply(a, b)));
    }

    private static void both3(OpTable table, String name, String direction, Float3 function) {
        table.float3(name + direction + ".f32", function);
        Float3 flushed = (a, b, c) -> Rounding.flush(function.apply(Rounding.flush(a), Rounding.flush(b), Rounding.flush(c)));
        table.float3(name + direction + ".ftz.f32", flushed);
        table.float3(name + direction + ".sat.f32", (a, b, c) -> Rounding.saturate(function.apply(a, b, c)));
        table.float3(name + direction + ".ftz.sat.f32", (a, b, c) -> Rounding.saturate(flushed.apply(a, b, c)));
    }

    private static Float1 flushed(Float1 function) {
        return a -> Rounding.flush(function.apply(Rounding.flush(a)));
    }

    private static Float2 flushed(Float2 function) {
        return (a, b) -> Rounding.flush(function.apply(Rounding.flush(a), Rounding.flush(b)));
    }

    private static void approximate(OpTable table) {
        both1(table, "ex2.approx", a -> (float) Math.exp(a * LN_2));
        both1(table, "lg2.approx", a -> (float) (Math.log(a) / LN_2));
        both1(table, "rsqrt.approx", a -> (float) (1 / Math.sqrt(a)));
        both1(table, "rcp.approx", a -> 1 / a);
        both1(table, "sqrt.approx", a -> (float) Math.sqrt(a));
        both1(table, "sin.approx", a -> (float) Math.sin(a));
        both1(table, "cos.approx", a -> (float) Math.cos(a));
        table.float1("tanh.approx.f32", a -> (float) Math.tanh(a));
        table.float2("div.full.f32", (a, b) -> a / b);
        table.float2("div.full.ftz.f32", flushed((a, b) -> a / b));
        table.float2("div.approx.f32", FloatOpcodes::approximateQuotient);
        table.float2("div.approx.ftz.f32", flushed(FloatOpcodes::approximateQuotient));
    }

    /** The product of a and the reciprocal of b, which is 0 for a finite b above 2^126. */
    private static float approximateQuotient(float a, float b) {
        boolean vanishes = Math.abs(b) > 0x1p126f && Float.isFinite(b);
        return vanishes ? a * Math.copySign(0f, b) : a / b;
    }

    private static void both1(OpTable table, String name, Float1 function) {
        table.float1(name + ".f32", function);
        table.float1(name + ".ftz.f32", flushed(function));
    }

    private static void exact(OpTable table) {
        table.word1("abs.f32", a -> a & 0x7fffffff);
        table.word1("neg.f32", a -> a ^ 0x80000000);
        table.float1("abs.ftz.f32", a -> Math.abs(Rounding.flush(a)));
        table.float1("neg.ftz.f32", a -> -Rounding.flush(a));
        table.word2("copysign.f32", (a, b) -> a & 0x80000000 | b & 0x7fffffff);
        table.float2("min.f32", FloatOpcodes::min);
        table.float2("max.f32", FloatOpcodes::max);
        table.float2("min.ftz.f32", flushed(FloatOpcodes::min));
        table.float2("max.ftz.f32", flushed(FloatOpcodes::max));
        table.float2("min.NaN.f32", Math::min);
        table.float2("max.NaN.f32", Math::max);
    }

    private static float min(float a, float b) {
        return a != a ? b : b != b ? a : Math.min(a, b);
    }

    private static float max(float a, float b) {
        return a != a ? b : b != b ? a : Math.max(a, b);
    }

    private static void doubles(OpTable table) {
        table.double2("add.f64 add.rn.f64", Double::sum);
        table.double2("sub.f64 sub.rn.f64", (a, b) -> a - b);
        table.double2("mul.f64 mul.rn.f64", (a, b) -> a * b);
        table.double3("fma.rn.f64 mad.rn.f64", Math::fma);
        table.double2("div.rn.f64", (a, b) -> a / b);
        table.double1("rcp.rn.f64 rcp.approx.ftz.f64", a -> 1 / a);
        table.double1("sqrt.rn.f64", Math::sqrt);
        table.double1("rsqrt.approx.f64 rsqrt.approx.ftz.f64", a -> 1 / Math.sqrt(a));
        table.double2("min.f64", (a, b) -> a != a ? b : b != b ? a : Math.min(a, b));
        table.double2("max.f64", (a, b) -> a != a ? b : b != b ? a : Math.max(a, b));
        table.long1("abs.f64", a -> a & Long.MAX_VALUE);
        table.long1("neg.f64", a -> a ^ Long.MIN_VALUE);
        table.long2("copysign.f64", (a, b) -> a & Long.MIN_VALUE | b & Long.MAX_VALUE);
    }
}

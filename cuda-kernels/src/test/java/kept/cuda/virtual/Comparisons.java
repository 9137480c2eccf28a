package kept.cuda.virtual;

import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import kept.cuda.virtual.Functions.IntTest;
import kept.cuda.virtual.Functions.LongTest;

/** The comparison functions of {@code setp}, {@code set}, {@code testp} and {@code isspacep}. */
final class Comparisons {
    private static final Map<String, MethodHandle> COPIES = new ConcurrentHashMap<>();

    private Comparisons() {}

    /** A comparison of two floating-point values, which may be NaN. */
    private interface DoubleTest {
        boolean test(double a, double b);
    }

    /** Returns the comparison of two operands of a type; null if there is none. */
    static Comparison make(String comparison, String type, boolean flush) {
        return instance(comparison + "." + type + (flush ? ".ftz" : ""), () -> test(comparison, type, flush));
    }

    /** Returns the comparison of {@code testp}, whose one operand is passed twice. */
    static Comparison property(String property, String type) {
        return instance("testp." + property + "." + type, () -> property(property, type.equals("f64")));
    }

    /** {@code isspacep}. */
    static Comparison window(String space, long window) {
        return instance("isspacep." + space, () -> (LongTest) (a, _) -> a >>> 40 == window >>> 40);
    }

    private static Comparison instance(String name, java.util.function.Supplier<Object> test) {
        MethodHandle constructor = COPIES.computeIfAbsent(name, _ -> {
            Object function = test.get();
            return function == null ? null
                    : Specialised.constructor(function instanceof IntTest ? Comparison.IntTestLoop.class : Comparison.LongTestLoop.class, function);
        });
        try {
            return constructor == null ? null : (Comparison) (Instruction) constructor.invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object test(String comparison, String type, boolean flush) {
        return switch (type) {
            case "b16", "u16" -> words(comparison, false, 16);
            case "s16" -> words(comparison, true, 16);
            case "b32", "u32" -> words(comparison, false, 32);
            case "s32" -> words(comparison, true, 32);
            case "b64", "u64" -> longs(comparison, false);
            case "s64" -> longs(comparison, true);
            case "f32" -> floats(comparison, flush);
            case "f64" -> {
                DoubleTest test = doubles(comparison);
                yield test == null ? null : (LongTest) (a, b) -> test.test(Double.longBitsToDouble(a), Double.longBitsToDouble(b));
            }
            case "f16" -> {
                DoubleTest test = doubles(comparison);
                yield test == null ? null : (IntTest) (a, b) -> test.test(Rounding.fromF16(a), Rounding.fromF16(b));
            }
            case "bf16" -> {
                DoubleTest test = doubles(comparison);
                yield test == null ? null : (IntTest) (a, b) -> test.test(Rounding.fromBf16(a), Rounding.fromBf16(b));
            }
            default -> null;
        };
    }

    private static Object words(String comparison, boolean signed, int width) {
        int unused = 32 - width;
        // Unsigned order is signed order with the sign bit flipped.
        int turn = signed ? 0 : Integer.MIN_VALUE;
        if (unused == 0) {
            return switch (comparison) {
                case "eq" -> (IntTest) (a, b) -> a == b;
                case "ne" -> (IntTest) (a, b) -> a != b;
                case "lt" -> (IntTest) (a, b) -> (a ^ turn) < (b ^ turn);
                case "le" -> (IntTest) (a, b) -> (a ^ turn) <= (b ^ turn);
                case "gt" -> (IntTest) (a, b) -> (a ^ turn) > (b ^ turn);
                case "ge" -> (IntTest) (a, b) -> (a ^ turn) >= (b ^ turn);
                case "lo" -> (IntTest) (a, b) -> Integer.compareUnsigned(a, b) < 0;
                case "ls" -> (IntTest) (a, b) -> Integer.compareUnsigned(a, b) <= 0;
                case "hi" -> (IntTest) (a, b) -> Integer.compareUnsigned(a, b) > 0;
                case "hs" -> (IntTest) (a, b) -> Integer.compareUnsigned(a, b) >= 0;
                default -> null;
            };
        }
        IntTest whole = (IntTest) words(comparison, signed, 32);
        return whole == null ? null : (IntTest) (a, b) -> whole.test(a << unused, b << unused);
    }

    private static Object longs(String comparison, boolean signed) {
        long turn = signed ? 0 : Long.MIN_VALUE;
        return switch (comparison) {
            case "eq" -> (LongTest) (a, b) -> a == b;
            case "ne" -> (LongTest) (a, b) -> a != b;
            case "lt" -> (LongTest) (a, b) -> (a ^ turn) < (b ^ turn);
            case "le" -> (LongTest) (a, b) -> (a ^ turn) <= (b ^ turn);
            case "gt" -> (LongTest) (a, b) -> (a ^ turn) > (b ^ turn);
            case "ge" -> (LongTest) (a, b) -> (a ^ turn) >= (b ^ turn);
            case "lo" -> (LongTest) (a, b) -> Long.compareUnsigned(a, b) < 0;
            case "ls" -> (LongTest) (a, b) -> Long.compareUnsigned(a, b) <= 0;
            case "hi" -> (LongTest) (a, b) -> Long.compareUnsigned(a, b) > 0;
            case "hs" -> (LongTest) (a, b) -> Long.compareUnsigned(a, b) >= 0;
            default -> null;
        };
    }

    private static Object floats(String comparison, boolean flush) {
        DoubleTest test = doubles(comparison);
        if (test == null) {
            return null;
        }
        return flush ? (IntTest) (a, b) -> test.test(Rounding.flush(Float.intBitsToFloat(a)), Rounding.flush(Float.intBitsToFloat(b)))
                : (IntTest) (a, b) -> test.test(Float.intBitsToFloat(a), Float.intBitsToFloat(b));
    }

    /** The forms that end in u are true if an operand is NaN. */
    private static DoubleTest doubles(String comparison) {
        return switch (comparison) {
            case "eq" -> (a, b) -> a == b;
            case "ne" -> (a, b) -> a < b || a > b;
            case "lt" -> (a, b) -> a < b;
            case "le" -> (a, b) -> a <= b;
            case "gt" -> (a, b) -> a > b;
            case "ge" -> (a, b) -> a >= b;
            case "equ" -> (a, b) -> !(a < b || a > b);
            case "neu" -> (a, b) -> a != b;
            case "ltu" -> (a, b) -> !(a >= b);
            case "leu" -> (a, b) -> !(a > b);
            case "gtu" -> (a, b) -> !(a <= b);
            case "geu" -> (a, b) -> !(a < b);
            case "num" -> (a, b) -> a == a && b == b;
            case "nan" -> (a, b) -> a != a || b != b;
            default -> null;
        };
    }

    private static Object property(String property, boolean isLong) {
        DoubleTest test = switch (property) {
            case "finite" -> (a, _) -> Double.isFinite(a);
            case "infinite" -> (a, _) -> Double.isInfinite(a);
            case "number" -> (a, _) -> a == a;
            case "notanumber" -> (a, _) -> a != a;
            case "normal" -> (a, _) -> Double.isFinite(a) && Math.abs(a) >= (isLong ? Double.MIN_NORMAL : Float.MIN_NORMAL);
            case "subnormal" -> (a, _) -> a != 0 && Math.abs(a) < (isLong ? Double.MIN_NORMAL : Float.MIN_NORMAL);
            default -> null;
        };
        if (test == null) {
            return null;
        }
        return isLong ? (LongTest) (a, b) -> test.test(Double.longBitsToDouble(a), Double.longBitsToDouble(b))
                : (IntTest) (a, b) -> test.test(Float.intBitsToFloat(a), Float.intBitsToFloat(b));
    }
}

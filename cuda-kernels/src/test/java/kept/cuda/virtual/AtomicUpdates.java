package kept.cuda.virtual;

import kept.cuda.virtual.AtomicOp.Update;

/** The update functions of the atomic operations. */
final class AtomicUpdates {
    private AtomicUpdates() {}

    /** Returns the operation with this name and type; null if there is none. */
    static Update find(String operation, String type) {
        return switch (type) {
            case "b32", "u32", "s32", "b64", "u64", "s64" -> integer(operation, type);
            case "f32" -> operation.equals("add") ? (old, a, _) -> floatSum(old, a) : null;
            case "f64" -> operation.equals("add") ? (old, a, _) -> doubleSum(old, a) : null;
            case "f16" -> operation.equals("add") ? (old, a, _) -> halfSum(old, a, false) : null;
            case "bf16" -> operation.equals("add") ? (old, a, _) -> halfSum(old, a, true) : null;
            case "f16x2" -> operation.equals("add") ? (old, a, _) -> pairSum(old, a, false) : null;
            case "bf16x2" -> operation.equals("add") ? (old, a, _) -> pairSum(old, a, true) : null;
            case "b16" -> operation.equals("cas") ? (old, a, b) -> (old & 0xffff) == (a & 0xffff) ? b : old : null;
            default -> null;
        };
    }

    private static Update integer(String operation, String type) {
        boolean signed = type.startsWith("s");
        boolean wide = type.endsWith("64");
        return switch (operation) {
            case "add" -> (old, a, _) -> old + a;
            case "and" -> (old, a, _) -> old & a;
            case "or" -> (old, a, _) -> old | a;
            case "xor" -> (old, a, _) -> old ^ a;
            case "exch" -> (_, a, _) -> a;
            case "cas" -> (old, a, b) -> value(old, signed, wide) == value(a, signed, wide) ? b : old;
            case "min" -> (old, a, _) -> less(old, a, signed, wide) ? old : a;
            case "max" -> (old, a, _) -> less(old, a, signed, wide) ? a : old;
            case "inc" -> (old, a, _) -> (old & 0xffffffffL) >= (a & 0xffffffffL) ? 0 : old + 1;
            case "dec" -> (old, a, _) -> (old & 0xffffffffL) == 0 || (old & 0xffffffffL) > (a & 0xffffffffL) ? a : old - 1;
            default -> null;
        };
    }

    private static long value(long bits, boolean signed, boolean wide) {
        return wide ? bits : signed ? (int) bits : bits & 0xffffffffL;
    }

    private static boolean less(long a, long b, boolean signed, boolean wide) {
        return signed ? value(a, true, wide) < value(b, true, wide) : Long.compareUnsigned(value(a, false, wide), value(b, false, wide)) < 0;
    }

    private static long floatSum(long old, long a) {
        return FloatLoops.bits(Float.intBitsToFloat((int) old) + Float.intBitsToFloat((int) a));
    }

    private static long doubleSum(long old, long a) {
        return FloatLoops.bits(Double.longBitsToDouble(old) + Double.longBitsToDouble(a));
    }

    private static long halfSum(long old, long a, boolean isBf16) {
        return isBf16 ? Rounding.toBf16(Rounding.fromBf16((int) old & 0xffff) + Rounding.fromBf16((int) a & 0xffff), Rounding.Mode.RN)
                : Rounding.toF16(Rounding.fromF16((int) old) + Rounding.fromF16((int) a), Rounding.Mode.RN);
    }

    private static long pairSum(long old, long a, boolean isBf16) {
        return halfSum(old & 0xffff, a & 0xffff, isBf16) | halfSum(old >>> 16 & 0xffff, a >>> 16 & 0xffff, isBf16) << 16;
    }
}

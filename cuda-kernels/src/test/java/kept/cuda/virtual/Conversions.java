package kept.cuda.virtual;

import java.util.Locale;
import java.util.function.IntToLongFunction;
import java.util.function.IntUnaryOperator;
import java.util.function.LongToIntFunction;
import java.util.function.LongUnaryOperator;
import kept.cuda.virtual.Functions.Float2;
import kept.cuda.virtual.Rounding.Mode;

/** {@code cvt} with all its modifiers: rounding, {@code .ftz}, {@code .sat}, the type of the result, the type of the operand. */
final class Conversions {
    private Conversions() {}

    /** A PTX type. */
    private record Type(String name, int width, boolean isFloat, boolean signed) {
        static Type of(String name) {
            return switch (name) {
                case "u8", "u16", "u32", "u64" -> new Type(name, Integer.parseInt(name.substring(1)), false, false);
                case "s8", "s16", "s32", "s64" -> new Type(name, Integer.parseInt(name.substring(1)), false, true);
                case "f16", "f32", "f64" -> new Type(name, Integer.parseInt(name.substring(1)), true, true);
                case "bf16" -> new Type(name, 16, true, true);
                default -> null;
            };
        }

        boolean isLong() {
            return width == 64;
        }

        /** Returns the integer value of a register. */
        long integer(long bits) {
            int unused = 64 - width;
            return signed ? bits << unused >> unused : bits << unused >>> unused;
        }

        /** Returns the floating-point value of a register. */
        double number(long bits) {
            return switch (name) {
                case "f16" -> Rounding.fromF16((int) bits);
                case "bf16" -> Rounding.fromBf16((int) bits);
                case "f32" -> Float.intBitsToFloat((int) bits);
                default -> Double.longBitsToDouble(bits);
            };
        }
    }

    /** The modifiers of an opcode before its types. */
    private record Modifiers(Mode mode, boolean toIntegral, boolean flush, boolean saturate, boolean relu) {}

    /** Returns the instruction of an opcode; null if there is none. */
    static OpTable.Entry entry(String opcode) {
        String[] words = opcode.split("\\.");
        if (words.length < 3 || !words[0].equals("cvt")) {
            return null;
        }
        String from = words[words.length - 1];
        String to = words[words.length - 2];
        Mode mode = null;
        boolean toIntegral = false;
        boolean flush = false;
        boolean saturate = false;
        boolean relu = false;
        for (int i = 1; i < words.length - 2; i++) {
            switch (words[i]) {
                case "rn", "rz", "rm", "rp", "rna" -> mode = Mode.valueOf(words[i].toUpperCase(Locale.ROOT));
                case "rni", "rzi", "rmi", "rpi" -> {
                    mode = Mode.valueOf(words[i].substring(0, 2).toUpperCase(Locale.ROOT));
                    toIntegral = true;
                }
                case "ftz" -> flush = true;
                case "sat" -> saturate = true;
                case "relu" -> relu = true;
                default -> {
                    return null;
                }
            }
        }
        var modifiers = new Modifiers(mode == null ? Mode.RN : mode, toIntegral, flush, saturate, relu);
        return entry(to, from, modifiers);
    }

    private static OpTable.Entry entry(String to, String from, Modifiers how) {
        if (from.equals("f32") && (to.equals("bf16x2") || to.equals("f16x2"))) {
            Type half = Type.of(to.substring(0, to.length() - 2));
            Float2 pair = (a, b) -> Float.intBitsToFloat(half(half, a, how) << 16 | half(half, b, how));
            return new OpTable.Entry(WordLoops.Int2Loop.class, (java.util.function.IntBinaryOperator) (a, b) -> Float.floatToRawIntBits(
                    pair.apply(Float.intBitsToFloat(a), Float.intBitsToFloat(b))), "WFF");
        }
        if (from.equals("f32") && to.equals("tf32")) {
            return new OpTable.Entry(WordLoops.Int1Loop.class, (IntUnaryOperator) a -> Rounding.toTf32(Float.intBitsToFloat(a)), "WF");
        }
        Type source = Type.of(from);
        Type target = Type.of(to);
        if (source == null || target == null) {
            return null;
        }
        LongUnaryOperator function = function(source, target, how);
        if (source.isLong()) {
            return target.isLong() ? new OpTable.Entry(LongLoops.Long1Loop.class, function, "L" + (source.isFloat() ? "D" : "L"))
                    : new OpTable.Entry(WordLoops.LongToIntLoop.class, (LongToIntFunction) a -> (int) function.applyAsLong(a),
                            "W" + (source.isFloat() ? "D" : "L"));
        }
        String kind = from.equals("f32") ? "F" : "W";
        return target.isLong() ? new OpTable.Entry(LongLoops.IntToLongLoop.class, (IntToLongFunction) function::applyAsLong, "L" + kind)
                : new OpTable.Entry(WordLoops.Int1Loop.class, (IntUnaryOperator) a -> (int) function.applyAsLong(a), "W" + kind);
    }

    private static int half(Type type, float value, Modifiers how) {
        return (int) toFloatType(type, how.relu() && value < 0 ? 0f : value, 0, how);
    }

    /** Converts the bits of the source register to those of the target. */
    private static LongUnaryOperator function(Type source, Type target, Modifiers how) {
        if (!source.isFloat()) {
            if (target.isFloat()) {
                return a -> fromInteger(source, target, source.integer(a), how);
            }
            return how.saturate() ? a -> register(target, saturate(source, target, source.integer(a))) : a -> register(target, source.integer(a));
        }
        if (target.isFloat()) {
            return a -> {
                double value = source.number(a);
                if (how.flush() && source.name().equals("f32")) {
                    value = Rounding.flush((float) value);
                }
                if (how.toIntegral() && value == value) {
                    value = Math.copySign(Rounding.toIntegral(value, how.mode()), value);
                }
                return toFloatType(target, value, 0, how);
            };
        }
        return a -> register(target, toInteger(source, target, source.number(a), how));
    }

    /** Encodes a value for a register; values of up to 16 bits are stored with their own representation. */
    private static long register(Type target, long value) {
        return switch (target.width()) {
            case 8 -> target.signed() ? (byte) value & 0xffffffffL : value & 0xff;
            case 16 -> value & 0xffff;
            default -> value;
        };
    }

    private static long saturate(Type source, Type target, long value) {
        if (target.signed()) {
            long most = (1L << target.width() - 1) - 1;
            boolean large = !source.signed() && value < 0;
            return large || value > most ? most : Math.max(value, -most - 1);
        }
        long most = target.width() == 64 ? -1 : (1L << target.width()) - 1;
        if (source.signed() && value < 0) {
            return 0;
        }
        return Long.compareUnsigned(value, most) > 0 ? most : value;
    }

    private static long fromInteger(Type source, Type target, long value, Modifiers how) {
        boolean large = !source.signed() && value < 0;
        if (target.name().equals("f32")) {
            float result = large ? Rounding.unsignedToFloat(value, how.mode()) : Rounding.toFloat(value, how.mode());
            return FloatLoops.bits(how.saturate() ? Rounding.saturate(result) : result);
        }
        if (target.name().equals("f64")) {
            return FloatLoops.bits(large ? Rounding.unsignedToDouble(value, how.mode()) : Rounding.toDouble(value, how.mode()));
        }
        double high = large ? 0x1p64 : (double) value;
        double low = large ? value : high == 0x1p63 ? -1 : value - (long) high;
        return toFloatType(target, high, low, how);
    }

    private static long toFloatType(Type target, double high, double low, Modifiers how) {
        if (target.name().equals("f64")) {
            return FloatLoops.bits(how.saturate() ? high > 0 ? Math.min(high, 1) : 0 : high);
        }
        if (target.name().equals("f32")) {
            float result = Rounding.toFloat(high, low, how.mode());
            result = how.flush() ? Rounding.flush(result) : result;
            return FloatLoops.bits(how.saturate() ? Rounding.saturate(result) : result);
        }
        float value = (float) high;
        if (value != high || low != 0) {
            // Rounds to odd in f32 first, so that the second rounding gives the same result as a single one.
            value = Float.intBitsToFloat(Float.floatToRawIntBits(Rounding.toFloat(high, low, Mode.RZ)) | (high == high ? 1 : 0));
        }
        if (how.saturate()) {
            value = Rounding.saturate(value);
        }
        if (how.relu() && value < 0) {
            value = 0;
        }
        return target.name().equals("bf16") ? Rounding.toBf16(value, how.mode()) : Rounding.toF16(value, how.mode());
    }

    /** Saturates to the nearest value of the type. */
    private static long toInteger(Type source, Type target, double value, Modifiers how) {
        if (value != value) {
            return source.width() == 64 || target.width() == 64 ? 1L << target.width() - 1 : 0;
        }
        double from = how.flush() && source.name().equals("f32") ? Rounding.flush((float) value) : value;
        double whole = Rounding.toIntegral(from, how.mode());
        if (target.signed()) {
            long most = (1L << target.width() - 1) - 1;
            return Math.clamp((long) whole, -most - 1, most);
        }
        if (whole <= 0) {
            return 0;
        }
        if (target.width() == 64) {
            return whole >= 0x1p64 ? -1 : whole >= 0x1p63 ? (long) (whole - 0x1p63) ^ Long.MIN_VALUE : (long) whole;
        }
        return Math.min((long) whole, (1L << target.width()) - 1);
    }
}

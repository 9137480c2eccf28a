package kept.cuda.virtual;

/** Rounding that Java's arithmetic does not have: towards zero, down, up, and to 16-bit floats. */
final class Rounding {
    /** Rounding modes by their PTX modifiers. */
    enum Mode { RN, RZ, RM, RP, RNA }

    private Rounding() {}

    /**
     * Rounds an exact value to f32. {@code high} is the nearest f64 and {@code low} its error, of which only the sign matters.
     */
    static float toFloat(double high, double low, Mode mode) {
        float nearest = (float) high;
        if (mode == Mode.RN || Float.isNaN(nearest) || Double.isInfinite(high)) {
            return mode == Mode.RN ? nearestOf(high, low) : nearest;
        }
        int side = Double.compare(high, nearest);
        if (high == nearest) {
            side = low > 0 ? 1 : low < 0 ? -1 : 0;
        }
        boolean negative = nearest < 0 || nearest == 0 && side < 0;
        return switch (mode) {
            case RM -> side < 0 ? Math.nextDown(nearest) : nearest;
            case RP -> side > 0 ? Math.nextUp(nearest) : nearest;
            default -> side < 0 && !negative ? Math.nextDown(nearest) : side > 0 && negative ? Math.nextUp(nearest) : nearest;
        };
    }

    private static float nearestOf(double high, double low) {
        return (float) toOdd(high, low);
    }

    /** Rounds to odd in f64, so that a further rounding to a shorter format equals a single rounding of the exact value. */
    static double toOdd(double high, double low) {
        if (low == 0 || Double.isNaN(low) || Double.isInfinite(high)) {
            return high;
        }
        long bits = Double.doubleToRawLongBits(high);
        if ((bits & 1) != 0) {
            return high;
        }
        boolean away = low > 0 == high > 0;
        return Double.longBitsToDouble(away ? bits + 1 : bits - 1);
    }

    /** Returns the error of {@code high = a + b} (TwoSum). */
    static double lost(double a, double b, double high) {
        if (Double.isInfinite(high) || Double.isNaN(high)) {
            return 0;
        }
        double back = high - a;
        return a - (high - back) + (b - back);
    }

    static float add(float a, float b, Mode mode) {
        if (mode == Mode.RN) {
            return a + b;
        }
        double sum = (double) a + b;
        return sum == 0 ? zeroSum(a, b, mode) : toFloat(sum, lost(a, b, sum), mode);
    }

    /** An exact zero sum is +0, or -0 when rounding down, unless both terms have the same sign. */
    private static float zeroSum(double a, double b, Mode mode) {
        boolean bothNegative = Double.doubleToRawLongBits(a) < 0 && Double.doubleToRawLongBits(b) < 0;
        boolean bothPositive = Double.doubleToRawLongBits(a) >= 0 && Double.doubleToRawLongBits(b) >= 0;
        return bothNegative || mode == Mode.RM && !bothPositive ? -0f : 0f;
    }

    static float multiply(float a, float b, Mode mode) {
        return toFloat((double) a * b, 0, mode);
    }

    static float fma(float a, float b, float c, Mode mode) {
        if (mode == Mode.RN) {
            return Math.fma(a, b, c);
        }
        double product = (double) a * b;
        double sum = product + c;
        return sum == 0 ? zeroSum(product, c, mode) : toFloat(sum, lost(product, c, sum), mode);
    }

    static float divide(float a, float b, Mode mode) {
        double quotient = (double) a / b;
        if (mode == Mode.RN || Double.isInfinite(quotient) || Double.isNaN(quotient) || quotient == 0) {
            return a / b;
        }
        double rest = -Math.fma(quotient, b, -(double) a);
        return toFloat(quotient, b > 0 ? rest : -rest, mode);
    }

    static float sqrt(float a, Mode mode) {
        double root = Math.sqrt(a);
        return toFloat(root, mode == Mode.RN || !(root > 0) || Double.isInfinite(root) ? 0 : -Math.fma(root, root, -(double) a), mode);
    }

    /** Converts an integer to f32. */
    static float toFloat(long value, Mode mode) {
        double high = (double) value;
        long low = value - (long) high;
        if (high == 0x1p63) {
            low = value - Long.MAX_VALUE - 1;
        }
        return toFloat(high, low, mode);
    }

    /** Converts an unsigned integer to f32. */
    static float unsignedToFloat(long value, Mode mode) {
        if (value >= 0) {
            return toFloat(value, mode);
        }
        // The value is halved, and the bit shifted out is kept as a sticky bit.
        return 2 * toFloat(value >>> 1 | value & 1, mode);
    }

    /** Converts an integer to f64. */
    static double toDouble(long value, Mode mode) {
        double nearest = (double) value;
        if (mode == Mode.RN) {
            return nearest;
        }
        long low = nearest == 0x1p63 ? -1 : value - (long) nearest;
        boolean down = low < 0 && (mode == Mode.RM || mode == Mode.RZ && value > 0);
        boolean up = low > 0 && (mode == Mode.RP || mode == Mode.RZ && value < 0);
        return down ? Math.nextDown(nearest) : up ? Math.nextUp(nearest) : nearest;
    }

    static double unsignedToDouble(long value, Mode mode) {
        return value >= 0 ? toDouble(value, mode) : 2 * toDouble(value >>> 1 | value & 1, mode);
    }

    /** Rounds a float to an integral value; {@code RN} rounds ties to even. */
    static double toIntegral(double value, Mode mode) {
        return switch (mode) {
            case RN -> Math.rint(value);
            case RM -> Math.floor(value);
            case RP -> Math.ceil(value);
            default -> value < 0 ? Math.ceil(value) : Math.floor(value);
        };
    }

    /** Rounds to bf16 and returns its bits. */
    static int toBf16(float value, Mode mode) {
        if (value != value) {
            return 0x7fff;
        }
        int bits = Float.floatToRawIntBits(value);
        int cut = bits >>> 16;
        int rest = bits & 0xffff;
        boolean up = switch (mode) {
            case RN -> rest > 0x8000 || rest == 0x8000 && (cut & 1) != 0;
            case RNA -> rest >= 0x8000;
            case RM -> rest != 0 && bits < 0;
            case RP -> rest != 0 && bits > 0;
            case RZ -> false;
        };
        return up && (bits & 0x7f800000) != 0x7f800000 ? cut + 1 : cut;
    }

    /** Rounds to f16 and returns its bits. */
    static int toF16(float value, Mode mode) {
        if (value != value) {
            return 0x7fff;
        }
        short nearest = Float.floatToFloat16(value);
        float back = Float.float16ToFloat(nearest);
        if (mode == Mode.RN || back == value) {
            return nearest & 0xffff;
        }
        boolean tooLarge = Math.abs(back) > Math.abs(value);
        boolean wantLarger = mode == Mode.RP && value > 0 || mode == Mode.RM && value < 0;
        // Adjacent magnitudes have adjacent bit patterns, and infinity follows the largest number.
        return (tooLarge && !wantLarger ? nearest - 1 : !tooLarge && wantLarger ? nearest + 1 : nearest) & 0xffff;
    }

    static float fromBf16(int bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    static float fromF16(int bits) {
        return Float.float16ToFloat((short) bits);
    }

    /** Rounds to tf32 (10 fraction bits, ties away from zero) and returns f32 bits. */
    static int toTf32(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & 0x7f800000) == 0x7f800000) {
            return value != value ? FloatLoops.NAN : bits;
        }
        return bits + 0x1000 & 0xffffe000;
    }

    /** Flushes a subnormal value to a zero of the same sign ({@code .ftz}). */
    static float flush(float value) {
        return Math.abs(value) < Float.MIN_NORMAL ? Math.copySign(0f, value) : value;
    }

    /** Clamps to 0 and 1; NaN becomes 0 ({@code .sat}). */
    static float saturate(float value) {
        return value > 0 ? Math.min(value, 1) : 0;
    }
}

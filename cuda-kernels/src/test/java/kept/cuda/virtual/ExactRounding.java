package kept.cuda.virtual;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/** Test reference: rounds exact numbers to binary floats by integer arithmetic, independently of the interpreter's rounding. */
final class ExactRounding {
    private ExactRounding() {}

    /** A binary format. */
    record Format(int precision, int leastExponent, int mostExponent) {
        static final Format F16 = new Format(11, -24, 15);
        static final Format BF16 = new Format(8, -133, 127);
        static final Format F32 = new Format(24, -149, 127);

        /** Rounds to a value of the format; overflow gives infinity or the largest value as in IEEE 754. */
        double round(BigDecimal exact, RoundingMode mode) {
            if (exact.signum() == 0) {
                return 0;
            }
            // The exponent of the last place starts too low and increases while the number has too many digits.
            int place = leastExponent;
            BigInteger whole = scaled(exact, place, mode);
            while (whole.abs().bitLength() > precision) {
                int over = Math.max(1, whole.abs().bitLength() - precision - 1);
                place += over;
                whole = scaled(exact, place, mode);
            }
            double result = whole.doubleValue() * Math.pow(2, place);
            double most = (2 - Math.pow(2, 1 - precision)) * Math.pow(2, mostExponent);
            if (Math.abs(result) > most) {
                boolean stays = mode == RoundingMode.DOWN || mode == RoundingMode.FLOOR && result > 0 || mode == RoundingMode.CEILING && result < 0;
                return stays ? Math.copySign(most, result) : Math.copySign(Double.POSITIVE_INFINITY, result);
            }
            return result == 0 ? Math.copySign(0.0, exact.signum()) : result;
        }

        private static BigInteger scaled(BigDecimal exact, int place, RoundingMode mode) {
            BigDecimal power = place >= 0 ? new BigDecimal(BigInteger.TWO.pow(place)) : BigDecimal.ONE;
            BigDecimal times = place < 0 ? new BigDecimal(BigInteger.TWO.pow(-place)) : BigDecimal.ONE;
            return exact.multiply(times).divide(power, 0, mode).toBigInteger();
        }
    }

    /** Returns the rounding mode of a PTX modifier. */
    static RoundingMode mode(String rounding) {
        return switch (rounding) {
            case "rn" -> RoundingMode.HALF_EVEN;
            case "rz" -> RoundingMode.DOWN;
            case "rm" -> RoundingMode.FLOOR;
            default -> RoundingMode.CEILING;
        };
    }
}

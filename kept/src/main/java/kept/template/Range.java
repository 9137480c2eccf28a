package kept.template;

import java.math.BigInteger;
import java.util.List;

/**
 * The result of {@code range}.
 *
 * @param start the first number
 * @param stop its end, exclusive
 * @param step the difference between neighbours, not 0
 * @param length the number of elements
 */
record Range(BigInteger start, BigInteger stop, BigInteger step, int length) {
    /** The largest range that the Jinja2 sandbox allows. */
    private static final int MAXIMUM = 100_000;

    static Range of(BigInteger start, BigInteger stop, BigInteger step) {
        if (step.signum() == 0) {
            throw new TemplateException("range() arg 3 must not be zero");
        }
        BigInteger span = step.signum() > 0 ? stop.subtract(start) : start.subtract(stop);
        BigInteger length = span.signum() <= 0 ? BigInteger.ZERO : span.subtract(BigInteger.ONE).divide(step.abs()).add(BigInteger.ONE);
        if (length.compareTo(BigInteger.valueOf(MAXIMUM)) > 0) {
            throw new TemplateException("Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).".formatted(MAXIMUM));
        }
        return new Range(start, stop, step, length.intValue());
    }

    BigInteger get(int place) {
        return start.add(step.multiply(BigInteger.valueOf(place)));
    }

    /** The key of a range in a dictionary: ranges of the same numbers are the same key. */
    List<Object> key() {
        List<Object> key = List.of(Range.class, BigInteger.valueOf(length), start, step);
        return key.subList(0, Math.min(key.size(), 2 + length));
    }

    boolean contains(Object value, Budget budget) {
        BigInteger number = Numbers.isInteger(value) ? Numbers.integer(value)
                : value instanceof Double real && !real.isInfinite() && real == Math.rint(real) ? Numbers.truncate(real) : null;
        if (number == null || length == 0) {
            return false;
        }
        budget.operation(number, step);
        BigInteger[] place = number.subtract(start).divideAndRemainder(step);
        return place[1].signum() == 0 && place[0].signum() >= 0 && place[0].compareTo(BigInteger.valueOf(length)) < 0;
    }

    Range slice(Slicing slicing) {
        return of(start.add(step.multiply(BigInteger.valueOf(slicing.from()))), start.add(step.multiply(BigInteger.valueOf(slicing.to()))),
                step.multiply(BigInteger.valueOf(slicing.step())));
    }
}

package kept.evaluation;

/**
 * Computes a relative distance over tokens, {@code sqrt(mean of ||t - s||^2 / ||t||^2)}, in double precision. Tokens for which the teacher's values
 * are all zero are left out, because no distance is relative to them.
 */
final class RelativeDistance {
    private double sum;
    private long tokens;

    /**
     * Adds a token.
     *
     * @param difference {@code ||t - s||^2}
     * @param size {@code ||t||^2}
     */
    void add(double difference, double size) {
        if (size != 0) {
            sum += difference / size;
            tokens++;
        }
    }

    /** NaN before any token. */
    double value() {
        return Math.sqrt(sum / tokens);
    }

    /** Adds sums that {@link #take} has given. */
    void add(Sums sums) {
        sum += sums.next();
        tokens += (long) sums.next();
    }

    /** Moves the sums elsewhere. */
    void take(Sums sums) {
        sums.put(sum);
        sums.put(tokens);
        sum = 0;
        tokens = 0;
    }

    /** The sums of several distances, one after another. */
    static final class Sums {
        private final double[] values;
        private int next;

        Sums(double[] values, int from) {
            this.values = values;
            next = from;
        }

        double next() {
            return values[next++];
        }

        void put(double value) {
            values[next++] = value;
        }
    }

    /**
     * Computes the distance after centring, with the one scale of s that minimises it. With {@code B = sum of (t s) / ||t||^2} and {@code C = sum of
     * ||s||^2 / ||t||^2} over N tokens the distance at a scale a is {@code sqrt((N - 2 a B + a^2 C) / N)}; it is smallest at {@code a = B / C}, where
     * it is {@code sqrt(1 - B^2 / (N C))}.
     */
    static final class Fitted {
        private double products;
        private double squares;
        private long tokens;

        /** Adds the rows of some tokens, {@code [tokens, width]}. */
        void add(float[] teacher, float[] student, int width) {
            for (int from = 0; from < teacher.length; from += width) {
                add(teacher, student, from, from + width);
            }
        }

        private void add(float[] teacher, float[] student, int from, int to) {
            double teacherMean = mean(teacher, from, to);
            double studentMean = mean(student, from, to);
            double size = 0;
            double product = 0;
            double square = 0;
            for (int i = from; i < to; i++) {
                double t = teacher[i] - teacherMean;
                double s = student[i] - studentMean;
                size += t * t;
                product += t * s;
                square += s * s;
            }
            if (size != 0) {
                products += product / size;
                squares += square / size;
                tokens++;
            }
        }

        /** Adds sums that {@link #take} has given. */
        void add(Sums sums) {
            products += sums.next();
            squares += sums.next();
            tokens += (long) sums.next();
        }

        /** Moves the sums elsewhere. */
        void take(Sums sums) {
            sums.put(products);
            sums.put(squares);
            sums.put(tokens);
            products = 0;
            squares = 0;
            tokens = 0;
        }

        /** NaN before any token; 0 if the student's values are all zero, where every scale gives the same distance. */
        double scale() {
            return squares == 0 && tokens > 0 ? 0 : products / squares;
        }

        /** NaN before any token. */
        double value() {
            return squares == 0 && tokens > 0 ? 1 : Math.sqrt(atLeastZero(1 - products * products / (tokens * squares)));
        }

        /** Replaces negative values, which rounding may cause, by 0; NaN stays NaN. */
        private static double atLeastZero(double value) {
            return value < 0 ? 0 : value;
        }
    }

    /** The mean of some elements. */
    static double mean(float[] values, int from, int to) {
        double sum = 0;
        for (int i = from; i < to; i++) {
            sum += values[i];
        }
        return sum / (to - from);
    }
}

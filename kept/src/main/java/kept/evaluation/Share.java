package kept.evaluation;

/**
 * How many of a number of questions were answered rightly.
 *
 * @param correct the right answers
 * @param count the questions
 */
public record Share(long correct, long count) {
    /**
     * The share itself.
     *
     * @return from 0 to 1
     */
    public double value() {
        return (double) correct / count;
    }

    /**
     * The standard error as lm-evaluation-harness gives it: the sample's standard deviation, with {@code count - 1}, by the root of the count.
     *
     * @return the standard error; not a number for a single question
     */
    public double standardError() {
        return Math.sqrt(value() * (1 - value()) / (count - 1));
    }

    /**
     * Wilson's interval.
     *
     * @return the interval
     */
    public Interval interval() {
        return Interval.ofShare(correct, count);
    }
}

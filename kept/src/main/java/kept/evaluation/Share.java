package kept.evaluation;

/**
 * The share of questions that were answered correctly.
 *
 * @param correct the number of correct answers
 * @param count the number of questions
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
     * The standard error as in lm-evaluation-harness: the sample's standard deviation, with {@code count - 1}, divided by the root of the count.
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

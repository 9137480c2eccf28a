package kept.evaluation;

import java.util.stream.IntStream;

/**
 * The difference between two models' accuracies on the same questions.
 *
 * @param value the difference of the shares of correct answers
 * @param interval of that difference, by a bootstrap over questions: a resample contains both models' answers to a question
 * @param gained questions that only the first model answers correctly
 * @param lost questions that only the second does
 */
public record PairedDifference(double value, Interval interval, long gained, long lost) {
    /**
     * Compares answers.
     *
     * @param first whether the first model was correct, question by question
     * @param second whether the second was
     * @return first less second
     */
    public static PairedDifference of(boolean[] first, boolean[] second) {
        double[] differences = IntStream.range(0, first.length).mapToDouble(i -> (first[i] ? 1 : 0) - (second[i] ? 1 : 0)).toArray();
        long gained = IntStream.range(0, first.length).filter(i -> differences[i] > 0).count();
        long lost = IntStream.range(0, first.length).filter(i -> differences[i] < 0).count();
        return new PairedDifference((double) (gained - lost) / first.length, Interval.ofMean(differences), gained, lost);
    }

    /**
     * McNemar's exact test (1947): the probability of this difference or a larger one between equally good models, given the number of questions on
     * which only one of them is correct.
     *
     * @return the two-sided probability, 1 if they part on none
     */
    public double probability() {
        long parting = gained + lost;
        double logarithm = -parting * Math.log(2);              // of the probability of 0, then 1, 2, ... in so many tosses of a coin
        double sum = 0;
        for (long i = 0; i <= Math.min(gained, lost); i++) {
            sum += Math.exp(logarithm);
            logarithm += Math.log((double) (parting - i) / (i + 1));
        }
        return Math.min(1, 2 * sum);
    }
}

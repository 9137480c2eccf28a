package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.distributed.SharedItems;

/**
 * The comparison of a student with its teacher at each token of a text: {@code [sequences, length]}, row by row.
 *
 * @param length the tokens of a sequence
 * @param divergences KL(teacher || student) in nats
 * @param teacherLosses the teacher's cross-entropies in nats
 * @param studentLosses the student's cross-entropies in nats
 * @param agreements 1 where the most likely next token of both is the same, else 0
 */
public record TokenScores(int length, float[] divergences, float[] teacherLosses, float[] studentLosses, float[] agreements) {
    /** The first position of the second bucket; each further bucket begins at twice the position. */
    private static final int FIRST_BUCKET = 64;

    /**
     * The tokens at some positions of every sequence.
     *
     * @param from the first position
     * @param to the position after the last
     * @param scores their scores
     */
    public record Bucket(int from, int to, TokenScores scores) {}

    /**
     * 95 % intervals from the variation between sequences, because tokens of one sequence are not independent observations.
     *
     * @param klMean of the mean divergence
     * @param top1Agreement of the top-1 agreement
     * @param perplexityTeacher of the teacher's perplexity
     * @param perplexityStudent of the student's
     * @param perplexityRatio of the ratio of the student's perplexity to the teacher's, on the same sequences
     */
    public record Intervals(
            Interval klMean, Interval top1Agreement, Interval perplexityTeacher, Interval perplexityStudent, Interval perplexityRatio) {}

    /** Takes the scores of the other ranks' sequences. */
    void gather(SharedItems sequences) {
        sequences.gather(divergences);
        sequences.gather(teacherLosses);
        sequences.gather(studentLosses);
        sequences.gather(agreements);
    }

    /** Whether all scores of a sequence are finite numbers. */
    boolean isFinite(int row) {
        double sum = 0;
        for (int i = row * length; i < (row + 1) * length; i++) {
            sum += (double) divergences[i] + teacherLosses[i] + studentLosses[i];
        }
        return Double.isFinite(sum);
    }

    /**
     * The text as a whole.
     *
     * @return means over all tokens
     */
    public Fidelity fidelity() {
        int count = divergences.length;
        float[] sorted = divergences.clone();
        Arrays.sort(sorted);
        return new Fidelity(
                count,
                sum(sorted, 0, count) / count,
                sorted[(int) Math.min(count - 1, Math.floor(0.99 * count))],
                sum(agreements, 0, count) / count,
                Math.exp(sum(teacherLosses, 0, count) / count),
                Math.exp(sum(studentLosses, 0, count) / count));
    }

    /**
     * The confidence intervals of {@link #fidelity}.
     *
     * @return the intervals, unknown for a single sequence
     */
    public Intervals intervals() {
        double[] teacher = means(teacherLosses);
        double[] student = means(studentLosses);
        double[] difference = student.clone();
        Arrays.setAll(difference, i -> student[i] - teacher[i]);
        return new Intervals(Interval.ofMean(means(divergences)), Interval.ofMean(means(agreements)), Interval.ofMean(teacher).exponential(),
                Interval.ofMean(student).exponential(), Interval.ofMean(difference).exponential());
    }

    /**
     * The sequences' tokens by their positions: 0 to 63, 64 to 127, and so on, with bounds that double.
     *
     * @return the buckets, in order
     */
    public List<Bucket> byPosition() {
        List<Bucket> buckets = new ArrayList<>();
        int from = 0;
        for (long next = FIRST_BUCKET; from < length; next *= 2) {
            int to = (int) Math.min(next, length);
            buckets.add(new Bucket(from, to, positions(from, to)));
            from = to;
        }
        return buckets;
    }

    /**
     * The sequences' tokens by their positions, in buckets of nearly equal width, for a curve.
     *
     * @param most the maximum number of buckets
     * @return the buckets, in order
     */
    public List<Bucket> evenly(int most) {
        int count = Math.min(most, length);
        List<Bucket> buckets = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int from = (int) ((long) length * i / count);
            int to = (int) ((long) length * (i + 1) / count);
            buckets.add(new Bucket(from, to, positions(from, to)));
        }
        return buckets;
    }

    private TokenScores positions(int from, int to) {
        return new TokenScores(to - from, positions(divergences, from, to), positions(teacherLosses, from, to), positions(studentLosses, from, to),
                positions(agreements, from, to));
    }

    private float[] positions(float[] values, int from, int to) {
        int width = to - from;
        var chosen = new float[values.length / length * width];
        for (int row = 0; row < values.length / length; row++) {
            System.arraycopy(values, row * length + from, chosen, row * width, width);
        }
        return chosen;
    }

    /** The mean of each sequence. */
    private double[] means(float[] values) {
        var means = new double[values.length / length];
        Arrays.setAll(means, row -> sum(values, row * length, (row + 1) * length) / length);
        return means;
    }

    private static double sum(float[] values, int from, int to) {
        double sum = 0;
        for (int i = from; i < to; i++) {
            sum += values[i];
        }
        return sum;
    }
}

package kept.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * The fidelity of a student at the positions whose next token belongs to one class.
 *
 * @param index the index of the class
 * @param tokens the number of such positions
 * @param klMean mean of KL(teacher || student) in nats per token
 * @param klShare their share of the text's divergence, 0 to 1; NaN if the text has none
 * @param top1Agreement the share of them at which both models' most likely next token is the same
 */
public record ClassScores(int index, long tokens, double klMean, double klShare, double top1Agreement) {
    /**
     * Divides a text's tokens into classes.
     *
     * @param text the text
     * @param scores its scores
     * @param classes the class of each token by its id, from 0
     * @return the scores of each class in which there are tokens, in the order of the classes
     */
    public static List<ClassScores> of(TextEvaluation text, TokenScores scores, IntUnaryOperator classes) {
        List<double[]> sums = new ArrayList<>();
        double all = 0;
        for (int i = 0; i < scores.divergences().length; i++) {
            int index = classes.applyAsInt(text.next(i / scores.length(), i % scores.length()));
            while (sums.size() <= index) {
                sums.add(new double[3]);
            }
            double[] sum = sums.get(index);
            sum[0]++;
            sum[1] += scores.divergences()[i];
            sum[2] += scores.agreements()[i];
            all += scores.divergences()[i];
        }
        List<ClassScores> present = new ArrayList<>();
        for (int index = 0; index < sums.size(); index++) {
            double[] sum = sums.get(index);
            if (sum[0] > 0) {
                present.add(new ClassScores(index, (long) sum[0], sum[1] / sum[0], sum[1] / all, sum[2] / sum[0]));
            }
        }
        return present;
    }
}

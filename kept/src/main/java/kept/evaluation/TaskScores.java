package kept.evaluation;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * The scores of a model on the questions of a task.
 *
 * @param task the task
 * @param logLikelihoods of each choice of each question, in nats
 * @param shortened the number of choices whose context was too long and lost its beginning
 */
public record TaskScores(Task task, List<double[]> logLikelihoods, int shortened) {
    /** The two measures by which a model's choice is determined. */
    public enum Measure {
        /** The choice of the largest log-likelihood. */
        ACC("acc"),
        /** The choice of the largest log-likelihood per character, by Unicode code points without the delimiter. */
        ACC_NORM("acc_norm");

        private final String label;

        Measure(String label) {
            this.label = label;
        }

        /**
         * The measure's name in lm-evaluation-harness.
         *
         * @return the name
         */
        public String label() {
            return label;
        }
    }

    /**
     * Returns whether each question was answered correctly. Of equally likely choices the first one counts.
     *
     * @param measure determines the choice
     * @return true for each right one
     */
    public boolean[] correct(Measure measure) {
        var correct = new boolean[logLikelihoods.size()];
        for (int i = 0; i < correct.length; i++) {
            Question question = task.questions().get(i);
            correct[i] = choice(question, logLikelihoods.get(i), measure) == question.answer();
        }
        return correct;
    }

    private static int choice(Question question, double[] scores, Measure measure) {
        int best = 0;
        double most = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < scores.length; i++) {
            String text = question.choices().get(i);
            double score = switch (measure) {
                case ACC -> scores[i];
                case ACC_NORM -> scores[i] / text.codePointCount(0, text.length());
            };
            if (score > most) {
                most = score;
                best = i;
            }
        }
        return best;
    }

    /**
     * The share of correct answers.
     *
     * @param measure determines the choice
     * @return the share
     */
    public Share share(Measure measure) {
        long right = 0;
        for (boolean one : correct(measure)) {
            right += one ? 1 : 0;
        }
        return new Share(right, logLikelihoods.size());
    }

    /**
     * Whether any question has a group.
     *
     * @return true if one does
     */
    public boolean hasGroups() {
        return task.questions().stream().anyMatch(question -> !question.group().isEmpty());
    }

    /**
     * The share of correct answers in each group.
     *
     * @param measure determines the choice
     * @return by the groups' names, in the order of their first question
     */
    public SequencedMap<String, Share> byGroup(Measure measure) {
        SequencedMap<String, Share> groups = new LinkedHashMap<>();
        boolean[] correct = correct(measure);
        for (int i = 0; i < correct.length; i++) {
            groups.merge(task.questions().get(i).group(), new Share(correct[i] ? 1 : 0, 1),
                    (a, b) -> new Share(a.correct() + b.correct(), a.count() + b.count()));
        }
        return groups;
    }
}

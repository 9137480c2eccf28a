package kept.evaluation;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import kept.autograd.FactoredLogits;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Keeps the predictions with the largest divergence; of equal ones the first. Logits are computed for these alone. */
final class WorstTokens {
    private static final int CANDIDATES = 5;

    /** The smallest divergence comes first, because it is the next to be removed. NaN counts as larger than all. */
    private static final Comparator<WorstToken> MILDEST_FIRST = Comparator.comparingDouble(WorstToken::divergence)
            .thenComparing(Comparator.comparingInt(WorstToken::sequence).thenComparingInt(WorstToken::position).reversed());

    private final int most;
    private final PriorityQueue<WorstToken> worst = new PriorityQueue<>(MILDEST_FIRST);

    WorstTokens(int most) {
        this.most = most;
    }

    /** Processes a sequence that has been scored. */
    void add(int sequence, PairedLogits logits, TokenScores scores) {
        for (int position = 0; position < scores.length(); position++) {
            int at = sequence * scores.length() + position;
            worst.add(new WorstToken(sequence, position, scores.divergences()[at], Math.exp(-scores.teacherLosses()[at]),
                    Math.exp(-scores.studentLosses()[at]), List.of(), List.of()));
            if (worst.size() > most) {
                worst.remove();
            }
        }
        List<WorstToken> fresh = worst.stream().filter(token -> token.sequence() == sequence).toList();
        worst.removeAll(fresh);
        fresh.forEach(token -> worst.add(new WorstToken(sequence, token.position(), token.divergence(), token.teacherProbability(),
                token.studentProbability(), candidates(logits.teacher(), token.position()), candidates(logits.student(), token.position()))));
    }

    /** The predictions in descending order of divergence. */
    List<WorstToken> all() {
        return worst.stream().sorted(MILDEST_FIRST.reversed()).toList();
    }

    private static List<WorstToken.Candidate> candidates(FactoredLogits logits, int position) {
        try (var _ = Scope.open(logits.hidden().device())) {
            Tensor row = logits.hidden().reshape(logits.rowCount(), logits.hidden().size(-1)).slice(0, position, position + 1);
            return mostLikely(row.linear(logits.head()).cast(DType.F32).toFloatArray());
        }
    }

    /** The most likely tokens of a softmax; of equal ones the first. */
    static List<WorstToken.Candidate> mostLikely(float[] logits) {
        double largest = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            largest = Math.max(largest, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - largest);
        }
        List<Integer> first = new ArrayList<>();
        for (int token = 0; token < logits.length; token++) {
            int place = first.size();
            while (place > 0 && logits[token] > logits[first.get(place - 1)]) {
                place--;
            }
            if (place < CANDIDATES) {
                first.add(place, token);
            }
            if (first.size() > CANDIDATES) {
                first.removeLast();
            }
        }
        List<WorstToken.Candidate> candidates = new ArrayList<>();
        for (int token : first) {
            candidates.add(new WorstToken.Candidate(token, Math.exp(logits[token] - largest) / sum));
        }
        return candidates;
    }
}

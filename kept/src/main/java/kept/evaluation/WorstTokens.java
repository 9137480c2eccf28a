package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import kept.autograd.FactoredLogits;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Keeps the predictions with the largest divergence; of equal ones the first. Logits are computed for these alone. */
final class WorstTokens {
    private static final int CANDIDATES = 5;
    /** The numbers of a prediction, as they are sent to other ranks. */
    private static final int NUMBERS = 5 + 2 * 2 * CANDIDATES;
    /** In place of a prediction or a candidate that there is not. */
    private static final double NONE = -1;

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

    /** The predictions of all ranks in descending order of divergence. */
    List<WorstToken> all(Communicator ranks) {
        if (most > 0 && ranks.size() > 1) {
            takeOthers(ranks);
        }
        return worst.stream().sorted(MILDEST_FIRST.reversed()).limit(most).toList();
    }

    private void takeOthers(Communicator ranks) {
        int width = most * NUMBERS;
        var numbers = new double[ranks.size() * width];
        Arrays.fill(numbers, NONE);
        int at = ranks.rank() * width;
        for (WorstToken token : worst) {
            put(token, numbers, at);
            at += NUMBERS;
        }
        SharedItems.of(ranks.size(), ranks).gather(numbers);
        worst.clear();
        for (int from = 0; from < numbers.length; from += NUMBERS) {
            if (numbers[from] != NONE) {
                worst.add(token(numbers, from));
            }
        }
    }

    private static void put(WorstToken token, double[] numbers, int at) {
        numbers[at] = token.sequence();
        numbers[at + 1] = token.position();
        numbers[at + 2] = token.divergence();
        numbers[at + 3] = token.teacherProbability();
        numbers[at + 4] = token.studentProbability();
        put(token.teacherCandidates(), numbers, at + 5);
        put(token.studentCandidates(), numbers, at + 5 + 2 * CANDIDATES);
    }

    private static void put(List<WorstToken.Candidate> candidates, double[] numbers, int at) {
        for (int i = 0; i < candidates.size(); i++) {
            numbers[at + 2 * i] = candidates.get(i).token();
            numbers[at + 2 * i + 1] = candidates.get(i).probability();
        }
    }

    private static WorstToken token(double[] numbers, int at) {
        return new WorstToken((int) numbers[at], (int) numbers[at + 1], numbers[at + 2], numbers[at + 3], numbers[at + 4],
                candidates(numbers, at + 5), candidates(numbers, at + 5 + 2 * CANDIDATES));
    }

    private static List<WorstToken.Candidate> candidates(double[] numbers, int at) {
        List<WorstToken.Candidate> candidates = new ArrayList<>();
        for (int i = at; i < at + 2 * CANDIDATES && numbers[i] != NONE; i += 2) {
            candidates.add(new WorstToken.Candidate((int) numbers[i], numbers[i + 1]));
        }
        return candidates;
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

package kept.distill;

import java.util.Arrays;
import java.util.function.Consumer;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.autograd.LinearCrossEntropy;
import kept.autograd.LinearDistillation;
import kept.model.Decoder;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * A held-out text on which students are compared with their teacher: the same sequences, in the same order, each time.
 *
 * @param name what the text is called in tables
 * @param ids {@code [sequences, length + 1]}, the last token of each only a label
 * @param length the tokens of a sequence
 */
public record TextEvaluation(String name, int[] ids, int length) {
    /**
     * Takes the first sequences of a held-out text.
     *
     * @param name what the text is called in tables
     * @param tokens the text
     * @param length the tokens of a sequence
     * @param most the most tokens to compare on
     * @return the evaluation
     * @throws CorpusException if there is not one whole sequence
     */
    public static TextEvaluation of(String name, PackedTokens tokens, int length, long most) {
        var sequences = new PackedSequences(tokens, length, 1, 0);
        long count = Math.clamp(most / length, 1, sequences.count());
        int[] ids = new int[Math.toIntExact(count * (length + 1))];
        for (int row = 0; row < count; row++) {
            tokens.copy((long) row * length, ids, row * (length + 1), length + 1);
        }
        return new TextEvaluation(name, ids, length);
    }

    /**
     * Compares a student with its teacher.
     *
     * @param teacher the teacher
     * @param student the student
     * @return how faithful the student is
     */
    public Fidelity compare(Decoder teacher, Decoder student) {
        var rows = new Rows(ids.length / (length + 1) * length);
        for (int at = 0; at < ids.length; at += length + 1) {
            int start = at;
            Autograd.withoutRecording(() -> {
                try (var _ = Scope.open(student.device())) {
                    Tensor all = sequence(start);
                    Tensor input = input(all);
                    rows.add(LinearDistillation.evaluate(logits(student, input), logits(teacher, input), labels(all)));
                }
                return null;
            });
        }
        return rows.fidelity();
    }

    /**
     * Shows each sequence of the text.
     *
     * @param device where the ids are put
     * @param observer is given ids {@code [1, length]}, I32, which are gone once it returns
     */
    public void forEachInput(Device device, Consumer<Tensor> observer) {
        for (int at = 0; at < ids.length; at += length + 1) {
            try (var _ = Scope.open(device)) {
                observer.accept(input(sequence(at)));
            }
        }
    }

    /**
     * How well a model predicts the text.
     *
     * @param model the model
     * @return its perplexity
     */
    public double perplexity(Decoder model) {
        double loss = 0;
        for (int at = 0; at < ids.length; at += length + 1) {
            loss += crossEntropy(model, at);
        }
        return Math.exp(loss / (ids.length / (length + 1)));
    }

    private double crossEntropy(Decoder model, int at) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                Tensor all = sequence(at);
                return LinearCrossEntropy.apply(logits(model, input(all)), labels(all)).item();
            }
        });
    }

    private Tensor sequence(int at) {
        return Tensor.of(Arrays.copyOfRange(ids, at, at + length + 1), 1, length + 1);
    }

    private Tensor input(Tensor sequence) {
        return sequence.slice(1, 0, length).contiguous();
    }

    private Tensor labels(Tensor sequence) {
        return sequence.slice(1, 1, length + 1).reshape(length);
    }

    private static FactoredLogits logits(Decoder model, Tensor input) {
        return new FactoredLogits(model.hidden(input), model.headWeight());
    }

    /** The measures of single tokens, gathered. */
    private static final class Rows {
        private final float[] divergences;
        private int count;
        private long agreements;
        private double teacherLoss;
        private double studentLoss;

        Rows(int most) {
            divergences = new float[most];
        }

        void add(LinearDistillation.RowScores rows) {
            float[] kl = rows.divergences().toFloatArray();
            System.arraycopy(kl, 0, divergences, count, kl.length);
            count += kl.length;
            for (float agreement : rows.agreements().toFloatArray()) {
                agreements += agreement > 0 ? 1 : 0;
            }
            teacherLoss += sum(rows.teacherCrossEntropies().toFloatArray());
            studentLoss += sum(rows.studentCrossEntropies().toFloatArray());
        }

        Fidelity fidelity() {
            float[] sorted = Arrays.copyOf(divergences, count);
            Arrays.sort(sorted);
            return new Fidelity(
                    count,
                    sum(sorted) / count,
                    sorted[(int) Math.min(count - 1, Math.floor(0.99 * count))],
                    (double) agreements / count,
                    Math.exp(teacherLoss / count),
                    Math.exp(studentLoss / count));
        }

        private static double sum(float... values) {
            double sum = 0;
            for (float value : values) {
                sum += value;
            }
            return sum;
        }
    }
}

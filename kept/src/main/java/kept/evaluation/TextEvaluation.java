package kept.evaluation;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntConsumer;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.corpus.CorpusException;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.io.Checksum;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.model.NonFiniteException;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * A held-out text on which students are compared with their teacher: the same sequences, in the same order, each time.
 *
 * @param name the text's name in tables
 * @param ids {@code [sequences, length + 1]}, the last token of each only a label
 * @param length the tokens of a sequence
 */
public record TextEvaluation(String name, int[] ids, int length) {
    /**
     * Takes the first sequences of a held-out text.
     *
     * @param name the text's name in tables
     * @param tokens the text
     * @param length the tokens of a sequence
     * @param most the maximum number of tokens
     * @return the evaluation
     * @throws CorpusException if the text is shorter than one sequence
     */
    public static TextEvaluation of(String name, PackedTokens tokens, int length, long most) {
        return of(name, tokens, 0, length, most);
    }

    /**
     * Takes sequences from the middle of a text.
     *
     * @param name the text's name in tables
     * @param tokens the text
     * @param from the first of its tokens
     * @param length the tokens of a sequence
     * @param most the maximum number of tokens
     * @return the evaluation
     * @throws CorpusException if the text is shorter than one sequence
     */
    public static TextEvaluation of(String name, PackedTokens tokens, long from, int length, long most) {
        var sequences = new PackedSequences(tokens, from, length, 1, 0);
        long count = Math.clamp(most / length, 1, sequences.count());
        int[] ids = new int[Math.toIntExact(count * (length + 1))];
        for (int row = 0; row < count; row++) {
            tokens.copy(from + (long) row * length, ids, row * (length + 1), length + 1);
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
        return compare(TeacherLogits.of(teacher), student);
    }

    /**
     * Compares a student with its teacher's logits.
     *
     * @param teacher the teacher's logits on this text
     * @param student the student
     * @return how faithful the student is
     */
    public Fidelity compare(TeacherLogits teacher, Decoder student) {
        try (TeacherLogits.Reading reading = teacher.open(this, student.device())) {
            return scores(teacher::nonFinite, student, divided(Communicator.single()),
                    (row, input) -> PairedLogits.of(reading.logits(row, input), logits(student, input)), (_, _, _) -> { }).fidelity();
        }
    }

    /**
     * Compares a student with its teacher, token by token.
     *
     * @param teacher the teacher
     * @param student the student
     * @param progress receives the number of sequences that have been read
     * @return the scores of each token
     */
    public TokenScores scores(Decoder teacher, Decoder student, IntConsumer progress) {
        return scores(teacher, student, Communicator.single(), progress);
    }

    /**
     * Compares a student with its teacher, token by token, on several ranks, which divide the sequences.
     *
     * @param teacher the teacher
     * @param student the student
     * @param ranks those that call this with the same text and models
     * @param progress receives the number of sequences that have been read, as far as this rank knows
     * @return the scores of each token, in every rank
     */
    public TokenScores scores(Decoder teacher, Decoder student, Communicator ranks, IntConsumer progress) {
        SharedItems work = divided(ranks);
        return scores(teacher, student, work, input -> logits(teacher, student, input),
                (row, _, _) -> progress.accept(work.ofAll(row - work.first() + 1)));
    }

    /**
     * Divides the sequences over ranks.
     *
     * @param ranks those that share the work
     * @return the division
     */
    public SharedItems divided(Communicator ranks) {
        return SharedItems.of(sequences(), ranks);
    }

    /** Observes each sequence after it is scored, while its logits can still be computed. */
    @FunctionalInterface
    interface Scored {
        void sequence(int row, PairedLogits logits, TokenScores scores);
    }

    /**
     * Scores both models on sequences {@code [1, length]}, for any way of computing their hidden states. Each rank scores its own; then all ranks
     * have all scores.
     *
     * @throws NonFiniteException if a score is not a finite number, naming the model and the first tensor at fault
     */
    TokenScores scores(Decoder teacher, Decoder student, SharedItems work, Function<Tensor, PairedLogits> reading, Scored observer) {
        return scores(input -> NonFinite.in(teacher, input), student, work, (_, input) -> reading.apply(input), observer);
    }

    /** Computes the logits of both models on a sequence. */
    @FunctionalInterface
    private interface SequenceReading {
        PairedLogits of(int row, Tensor input);
    }

    private TokenScores scores(Function<Tensor, Optional<String>> fault, Decoder student, SharedItems work, SequenceReading reading,
            Scored observer) {
        Device device = student.device();
        int sequences = sequences();
        var scores = new TokenScores(length, new float[sequences * length], new float[sequences * length], new float[sequences * length],
                new float[sequences * length]);
        for (int i = work.first(); i < work.end(); i++) {
            int row = i;
            Autograd.withoutRecording(() -> {
                try (var _ = Scope.open(device)) {
                    Tensor all = sequence(row * (length + 1));
                    PairedLogits logits = reading.of(row, input(all));
                    var rows = Functional.distillationScores(logits.student(), logits.teacher(), labels(all));
                    put(rows.divergences(), scores.divergences(), row * length);
                    put(rows.teacherCrossEntropies(), scores.teacherLosses(), row * length);
                    put(rows.studentCrossEntropies(), scores.studentLosses(), row * length);
                    put(rows.agreements().cast(DType.F32), scores.agreements(), row * length);
                    if (!scores.isFinite(row)) {
                        throw nonFinite(fault, student, input(all));
                    }
                    observer.sequence(row, logits, scores);
                }
                return null;
            });
        }
        scores.gather(work);
        return scores;
    }

    private NonFiniteException nonFinite(Function<Tensor, Optional<String>> fault, Decoder student, Tensor input) {
        Optional<String> first = fault.apply(input);
        return first.isPresent()
                ? new NonFiniteException("[evaluation] the teacher gives no finite logits on %s: %s".formatted(name, first.get()), true)
                : new NonFiniteException("[evaluation] the student gives no finite logits on %s: %s".formatted(
                        name, NonFinite.in(student, input).orElse("their divergence from the teacher's overflows")), false);
    }

    /**
     * Returns the token to be predicted at a position.
     *
     * @param row the sequence
     * @param position the position at which teacher and student predict, from 0
     * @return its id
     */
    public int next(int row, int position) {
        return ids[row * (length + 1) + position + 1];
    }

    /**
     * Returns the tokens before it.
     *
     * @param row the sequence
     * @param position the position at which teacher and student predict, from 0
     * @param most the maximum number of tokens; the last ones are returned
     * @return their ids, in order, the one at the position last
     */
    public int[] before(int row, int position, int most) {
        int start = row * (length + 1);
        return Arrays.copyOfRange(ids, start + Math.max(0, position + 1 - most), start + position + 1);
    }

    private static void put(Tensor values, float[] target, int from) {
        float[] all = values.toFloatArray();
        System.arraycopy(all, 0, target, from, all.length);
    }

    /**
     * The number of sequences.
     *
     * @return the number, at least 1
     */
    public int sequences() {
        return ids.length / (length + 1);
    }

    /**
     * Identifies the sequences.
     *
     * @return a checksum of their ids
     */
    public String checksum() {
        return Checksum.of(ids);
    }

    /**
     * The number of predicted tokens, one at each position of each sequence.
     *
     * @return the number
     */
    public long tokens() {
        return (long) sequences() * length;
    }

    /**
     * Passes each sequence of the text to an observer.
     *
     * @param device the device for the ids
     * @param observer receives ids {@code [1, length]}, I32, which are freed when it returns
     */
    public void forEachInput(Device device, Consumer<Tensor> observer) {
        forEachInput(device, divided(Communicator.single()), observer);
    }

    /**
     * Passes each sequence of this rank to an observer.
     *
     * @param device the device for the ids
     * @param work the sequences, {@linkplain #divided divided} over ranks
     * @param observer receives ids {@code [1, length]}, I32, which are freed when it returns
     */
    public void forEachInput(Device device, SharedItems work, Consumer<Tensor> observer) {
        for (int row = work.first(); row < work.end(); row++) {
            try (var _ = Scope.open(device)) {
                observer.accept(input(sequence(row * (length + 1))));
            }
        }
    }

    /**
     * The perplexity of a model on the text.
     *
     * @param model the model
     * @return its perplexity
     */
    public double perplexity(Decoder model) {
        double loss = 0;
        for (int at = 0; at < ids.length; at += length + 1) {
            loss += crossEntropy(model, at);
        }
        return Math.exp(loss / sequences());
    }

    /**
     * Checks on one sequence that a model's logits are finite.
     *
     * @param model the model
     * @throws NonFiniteException if it does not, naming the first tensor at fault
     */
    public void requireFinite(Decoder model) {
        crossEntropy(model, 0);
    }

    private double crossEntropy(Decoder model, int at) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                Tensor all = sequence(at);
                double loss = Functional.crossEntropy(logits(model, input(all)), labels(all)).item();
                if (!Double.isFinite(loss)) {
                    throw new NonFiniteException("[evaluation] the model gives no finite logits on %s: %s".formatted(
                            name, NonFinite.in(model, input(all)).orElse("the cross-entropy is " + loss)), false);
                }
                return loss;
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

    static PairedLogits logits(Decoder teacher, Decoder student, Tensor input) {
        return PairedLogits.of(logits(teacher, input), logits(student, input));
    }

    private static FactoredLogits logits(Decoder model, Tensor input) {
        return new FactoredLogits(model.hidden(input), model.headWeight());
    }
}

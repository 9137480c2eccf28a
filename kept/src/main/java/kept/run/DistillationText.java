package kept.run;

import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import kept.corpus.Corpus;
import kept.corpus.CorpusException;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.evaluation.TextEvaluation;
import kept.tokenizer.Tokenizer;
import kept.training.RunInputs;
import kept.training.TrainingOptions;

/**
 * The parts of a distillation's text: held out for the report if no other text is named, held out for the choice of the best state, and training
 * text.
 */
final class DistillationText implements AutoCloseable {
    private final PackedTokens packed;
    private final long heldOut;
    private final TextEvaluation during;
    private final PackedSequences sequences;
    private List<TextEvaluation> evaluations = List.of();

    private DistillationText(PackedTokens packed, DistillationRun settings, TrainingOptions options) {
        this.packed = packed;
        int length = options.sequenceLength();
        long reported = settings.heldOut().isEmpty() ? HeldOut.beginning(packed, length, settings.evaluationTokens()) : 0;
        long evaluated = HeldOut.during(packed, reported, length);
        heldOut = reported + evaluated;
        during = TextEvaluation.of("held-out", packed, reported, length, evaluated);
        sequences = new PackedSequences(packed, heldOut, length, 1, settings.training().seed());
        if (settings.heldOut().isEmpty()) {
            evaluations = List.of(TextEvaluation.of("corpus", packed, length, reported));
        }
    }

    /**
     * Reads the texts.
     *
     * @param settings name the texts
     * @param options the options of the training
     * @param measured the number of tokens from which a mapping samples calibration sequences
     * @param tokenizer the teacher's
     * @param run receives the parts of separate texts that were read
     */
    static DistillationText read(DistillationRun settings, TrainingOptions options, long measured, Tokenizer tokenizer, TrainingRun run) {
        int length = options.sequenceLength();
        long evaluated = HeldOut.MAX_TOKENS_DURING_TRAINING + length + (settings.heldOut().isEmpty() ? settings.evaluationTokens() + length : 0);
        long learnt = Math.max(options.steps() * options.tokensPerStep(), measured);
        PackedTokens packed = PackedTokens.of(settings.corpus(), tokenizer, evaluated + learnt + length + 1);
        try {
            var text = new DistillationText(packed, settings, options);
            if (!settings.heldOut().isEmpty()) {
                text.evaluations = evaluations(settings.heldOut(), settings.evaluationTokens(), tokenizer, length, run);
            }
            return text;
        } catch (RuntimeException | Error e) {
            packed.close();
            throw e;
        }
    }

    private static List<TextEvaluation> evaluations(SequencedMap<String, Corpus> texts, long most, Tokenizer tokenizer, int length, TrainingRun run) {
        List<TextEvaluation> evaluations = new ArrayList<>();
        texts.forEach((name, text) -> {
            try (PackedTokens tokens = PackedTokens.of(text, tokenizer, most + length + 1)) {
                var evaluation = TextEvaluation.of(name, tokens, length, most);
                evaluations.add(evaluation);
                run.reportText("held-out text " + name, tokens.coverage().using(evaluation.tokens()));
            } catch (CorpusException e) {
                throw new RunException("[evaluation] too little text to evaluate the student on as '%s': %s; name some with --held-out NAME=FILE"
                        .formatted(name, e.getMessage()), e);
            }
        });
        return evaluations;
    }

    /** The inputs on which the result depends. */
    RunInputs inputs() {
        var inputs = new RunInputs();
        inputs.addCorpus(0, packed);
        evaluations.forEach(inputs::addHeldOut);
        return inputs;
    }

    /** Reports how much of the text the training uses. */
    void report(TrainingOptions options, TrainingRun run, Progress progress) {
        run.reportText("training text", packed.coverage());
        long wanted = options.steps() * options.tokensPerStep();
        double epochs = sequences.epochs(wanted);
        progress.note("of these %,d tokens the first %,d are held out; training learns from %,d of the others".formatted(
                packed.size(), heldOut, Math.min(wanted, sequences.tokens())));
        if (epochs > 1) {
            progress.note("the text is seen %.1f times".formatted(epochs));
        }
    }

    /** All of the text. */
    PackedTokens packed() {
        return packed;
    }

    /** The first token that is not held out. */
    long heldOut() {
        return heldOut;
    }

    /** The text on which the best state is chosen. */
    TextEvaluation during() {
        return during;
    }

    /** The training text. */
    PackedSequences sequences() {
        return sequences;
    }

    /** The texts of the report. */
    List<TextEvaluation> evaluations() {
        return evaluations;
    }

    @Override
    public void close() {
        packed.close();
    }
}

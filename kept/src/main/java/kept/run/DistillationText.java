package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BiConsumer;
import kept.calibration.CalibrationSequences;
import kept.corpus.Corpus;
import kept.corpus.CorpusException;
import kept.corpus.DocumentEncoder;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
import kept.corpus.TokenSequences;
import kept.evaluation.TextEvaluation;
import kept.training.RunInputs;
import kept.training.TrainingOptions;

/**
 * The parts of a distillation's texts: held out for the report if no other text is named, held out for the choice of the best state, and training
 * text. Several texts are mixed in the shares of their weights; one that ends before the training does begins again, in another order.
 */
final class DistillationText implements AutoCloseable {
    private final List<TrainingText> texts = new ArrayList<>();
    private List<TextEvaluation> evaluations = List.of();
    private TextEvaluation during;
    private List<String> repetitions = List.of();

    private DistillationText() {}

    /**
     * The number of tokens that suffice for training and for a mapping that measures.
     *
     * @param task the run
     * @param options those of the training, with the steps for which text is read
     */
    static long learnt(DistillationTask task, TrainingOptions options) {
        return Math.max(options.steps() * options.tokensPerStep(), task.settings().mapping().textTokens(task.mapping().source()));
    }

    /**
     * Reads the texts.
     *
     * @param settings name the texts
     * @param options the options of the training
     * @param learnt the number of tokens of all texts that suffice for training and calibration, from which follows how much of each is read
     * @param encoder turns documents into the teacher's tokens
     * @param report receives the parts of separate texts that were read, by their names
     */
    static DistillationText read(DistillationRun settings, TrainingOptions options, long learnt, DocumentEncoder encoder,
            BiConsumer<String, TextCoverage> report) {
        int length = options.sequenceLength();
        var read = new DistillationText();
        try {
            double[] shares = TokenSequences.shares(settings.corpora().stream().mapToDouble(TrainingCorpus::weight).toArray());
            for (int i = 0; i < shares.length; i++) {
                read.add(settings, settings.corpora().get(i), shares[i], learnt, encoder, length);
            }
            read.during = TrainingText.during(length, read.texts.stream().map(TrainingText::idsDuring).toArray(int[][]::new));
            read.repetitions = repetitions(settings);
            read.evaluations = settings.heldOut().isEmpty() ? read.texts.stream().map(TrainingText::forReport).toList()
                    : evaluations(settings.heldOut(), settings.evaluationTokens(), encoder, length, report);
            return read;
        } catch (RuntimeException | Error e) {
            read.close();
            throw e;
        }
    }

    /** Remarks on files that are read for two purposes. */
    private static List<String> repetitions(DistillationRun settings) {
        List<String> remarks = new ArrayList<>();
        List<TrainingCorpus> texts = settings.corpora();
        for (int i = 0; i < texts.size(); i++) {
            String name = texts.size() == 1 ? "the training text" : "the training text " + texts.get(i).name();
            Corpus text = texts.get(i).text();
            for (TrainingCorpus other : texts.subList(i + 1, texts.size())) {
                common(text, other.text()).ifPresent(file -> remarks.add(
                        "%s and the training text %s both have %s: what is held out of one is learnt in the other"
                        .formatted(name, other.name(), file)));
            }
            settings.heldOut().forEach((heldOut, words) -> common(text, words).ifPresent(file -> remarks.add(
                    "the held-out text %s and %s both have %s: its results are not those of unseen text".formatted(heldOut, name, file))));
        }
        return remarks;
    }

    private static Optional<Path> common(Corpus a, Corpus b) {
        return a.files().stream().filter(b.files()::contains).findFirst();
    }

    private void add(DistillationRun settings, TrainingCorpus corpus, double share, long learnt, DocumentEncoder encoder, int length) {
        long reported = settings.heldOut().isEmpty() ? settings.evaluationTokens() : 0;
        long evaluated = (long) (HeldOut.MAX_TOKENS_DURING_TRAINING * share);
        long heldOut = evaluated + length + (reported == 0 ? 0 : reported + length);
        long seed = settings.training().seed();
        PackedTokens packed = PackedTokens.drawn(corpus.text(), encoder, heldOut + (long) Math.ceil(learnt * share) + length + 1, heldOut, seed);
        try {
            if (packed.learnt() == 0) {
                throw new RunException("[training] %s: nothing is left to learn, as no conversation has a message of the assistant"
                        .formatted(packed.description()));
            }
            texts.add(new TrainingText(corpus, packed, reported, evaluated, length, seed));
        } catch (RuntimeException | Error e) {
            packed.close();
            throw e;
        }
    }

    private static List<TextEvaluation> evaluations(SequencedMap<String, Corpus> texts, long most, DocumentEncoder encoder, int length,
            BiConsumer<String, TextCoverage> report) {
        List<TextEvaluation> evaluations = new ArrayList<>();
        texts.forEach((name, text) -> {
            try (PackedTokens tokens = PackedTokens.of(text, encoder, most + length + 1)) {
                var evaluation = TextEvaluation.of(name, tokens, length, most);
                evaluations.add(evaluation);
                report.accept("held-out text " + name, tokens.coverage().using(evaluation.tokens()));
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
        for (int i = 0; i < texts.size(); i++) {
            inputs.addCorpus(texts.size() == 1 ? 0 : i + 1, texts.get(i).packed());
        }
        evaluations.forEach(inputs::addHeldOut);
        return inputs;
    }

    /** Reports how much of the texts the training uses; what was read of each goes to {@code read}. */
    void report(TrainingOptions options, BiConsumer<String, TextCoverage> read, Progress progress) {
        repetitions.forEach(progress::note);
        double[] shares = TokenSequences.shares(texts.stream().mapToDouble(TrainingText::weight).toArray());
        for (int i = 0; i < shares.length; i++) {
            TrainingText text = texts.get(i);
            String name = shares.length == 1 ? "" : " " + text.name();
            read.accept("training text" + name, text.packed().coverage());
            long wanted = Math.round(options.steps() * options.tokensPerStep() * shares[i]);
            progress.note("of these %,d tokens the first %,d are held out; training learns from %,d of the others%s".formatted(
                    text.packed().size(), text.heldOut(), Math.min(wanted, text.sequences().tokens()),
                    shares.length == 1 ? "" : ", %.1f %% of its tokens".formatted(100 * shares[i])));
            if (text.packed().learnt() < text.packed().size()) {
                progress.note("the loss is on the assistant's tokens: %.1f %% of the text%s".formatted(
                        100.0 * text.packed().learnt() / text.packed().size(), name));
            }
            double epochs = text.sequences().epochs(wanted);
            if (epochs > 1) {
                progress.note("the text%s is seen %.1f times".formatted(name, epochs));
            }
        }
    }

    /** The parts that are not held out, to measure on. */
    List<CalibrationSequences.Rest> rests() {
        return texts.stream().map(text -> new CalibrationSequences.Rest(text.packed(), text.heldOut(), text.weight())).toList();
    }

    /** The number of tokens of all texts that are not trained on. */
    long heldOut() {
        return texts.stream().mapToLong(TrainingText::heldOut).sum();
    }

    /** The text on which the best state is chosen. */
    TextEvaluation during() {
        return during;
    }

    /** The training text. */
    TokenSequences sequences() {
        return TokenSequences.mixed(texts.stream().map(TrainingText::sequences).toList(), texts.stream().mapToDouble(TrainingText::weight).toArray());
    }

    /** The texts of the report. */
    List<TextEvaluation> evaluations() {
        return evaluations;
    }

    @Override
    public void close() {
        texts.forEach(TrainingText::close);
    }
}

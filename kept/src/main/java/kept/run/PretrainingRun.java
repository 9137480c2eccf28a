package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.stream.Stream;
import kept.corpus.Corpus;
import kept.corpus.DocumentEncoder;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.corpus.TokenSequences;
import kept.evaluation.TextEvaluation;
import kept.io.AtomicFiles;
import kept.io.OutputDirectory;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;
import kept.training.LanguageModelling;
import kept.training.RunInputs;
import kept.training.StepMetrics;
import kept.training.Trainer;
import kept.training.TrainingOptions;
import kept.training.TrainingState;

/**
 * Trains a source of mappings from scratch, as a small teacher for trying the other runs. Defaults are those of {@code kept pretrain}; each setter
 * changes this object and returns it.
 */
public final class PretrainingRun extends ResumableRun<PretrainingRun> {
    private static final int HELD_OUT_TOKENS = 32_768;
    private static final double LEARNING_RATE = 1e-3;
    private static final double WEIGHT_DECAY = 0.1;

    private final Function<Tokenizer, DecoderConfig> sizes;
    private final Path tokenizer;
    private final Path output;
    private List<Corpus> corpora = List.of();
    private boolean documentsHeldOut;
    private long tokens = 1_000_000;
    private TrainingSettings training = new TrainingSettings();
    private DType dtype = DType.BF16;
    private WeightFormat format = WeightFormat.SAFETENSORS;
    private long maxShardSize = CheckpointWriter.DEFAULT_SHARD_BYTES;
    private long snapshotEvery;

    private PretrainingRun(Function<Tokenizer, DecoderConfig> sizes, Path tokenizer, Path output) {
        this.sizes = sizes;
        this.tokenizer = tokenizer;
        this.output = output;
    }

    @Override
    PretrainingRun self() {
        return this;
    }

    /**
     * A finished pretraining.
     *
     * @param output the checkpoint's directory
     * @param perplexities on held-out text, by the texts' descriptions
     */
    public record Result(Path output, SequencedMap<String, Double> perplexities) {}

    /**
     * A pretraining.
     *
     * @param sizes the model's, which may depend on the vocabulary's
     * @param tokenizer a directory with tokenizer.model or tokenizer.json, whose tokenizer the output gets
     * @param output the checkpoint's directory, which the run creates
     * @return the pretraining, with default settings
     */
    public static PretrainingRun of(Function<Tokenizer, DecoderConfig> sizes, Path tokenizer, Path output) {
        return new PretrainingRun(sizes, tokenizer, output);
    }

    /**
     * Sets the training texts, which have equal shares and are drawn from as a whole. A part of each, at most a fiftieth, is held out: its beginning,
     * or, of a text that is larger than needed, a sample.
     *
     * @param texts documents
     * @return this
     */
    public PretrainingRun corpora(List<Corpus> texts) {
        corpora = List.copyOf(texts);
        return this;
    }

    /**
     * Sets whether documents chosen by their names are held out, instead of the beginning of each text; false by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public PretrainingRun holdOutDocuments(boolean wanted) {
        documentsHeldOut = wanted;
        return this;
    }

    /**
     * Sets the number of training tokens; 1,000,000 by default.
     *
     * @param count how many; whole steps
     * @return this
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public PretrainingRun tokens(long count) {
        tokens = TokenLimit.require("training tokens", count);
        return this;
    }

    /**
     * Sets batch, learning rate and the other settings of training.
     *
     * @param settings sequences, learning rate, optimizer and states
     * @return this
     */
    public PretrainingRun training(TrainingSettings settings) {
        training = settings;
        return this;
    }

    /**
     * Sets the type of the stored weights; BF16 by default.
     *
     * @param type F32, BF16 or F16
     * @return this
     */
    public PretrainingRun dtype(DType type) {
        dtype = type;
        return this;
    }

    /**
     * Sets the format of the weight files; safetensors of at most 5 GB by default.
     *
     * @param files the format
     * @param largest the maximum number of bytes of tensors in a file
     * @return this
     */
    public PretrainingRun format(WeightFormat files, long largest) {
        format = files;
        maxShardSize = largest;
        return this;
    }

    /**
     * Sets the steps between checkpoints {@code OUTPUT.step-N}; none are written by default.
     *
     * @param steps how many; 0 for none
     * @return this
     */
    public PretrainingRun snapshotEvery(long steps) {
        snapshotEvery = steps;
        return this;
    }

    /**
     * Executes the run.
     *
     * @param progress receives the progress
     * @return the result
     * @throws RunException if it cannot be done; the message names the remedy
     * @throws StoppedException if {@code progress} stopped it
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public Result run(Progress progress) {
        boolean replace = isOverwriting() || resume().isWanted();
        Path[] inputs = inputs(Stream.of(tokenizer));
        try (var directory = OutputDirectory.prepare(output, replace, inputs);
                Tokenizer vocabulary = Tokenizer.load(tokenizer)) {
            DecoderConfig config = sizes.apply(vocabulary);
            vocabulary.requireVocabulary(config.vocabSize());
            TrainingOptions options = training.options(tokens, config.maxPositions(), LEARNING_RATE, WEIGHT_DECAY);
            var snapshots = new Snapshots(output, snapshotEvery, options.steps(), replace, inputs);
            Device target = device();
            var start = new RandomWeights(config, training.seed(), training.weightType());
            try (var run = new TrainingRun(progress, output, resume(), true, isOverwriting());
                    Decoder model = create(run, config, start, options, snapshots, target)) {
                var pretraining = new Pretraining(run, model, start, options, snapshots, progress);
                SequencedMap<String, Double> perplexities = pretraining.train(vocabulary, directory.directory());
                directory.commit();
                run.discard();
                return new Result(output, perplexities);
            }
        }
    }

    /** Creates the model after checking that the disk has room for the files of the training. */
    private Decoder create(TrainingRun run, DecoderConfig config, Weights start, TrainingOptions options, Snapshots snapshots, Device target) {
        List<ModelTensor> tensors = ModelTensor.of(config);
        long result = TrainingDisk.bytes(tensors, dtype);
        run.requireApart(training);
        run.requireRoom(new TrainingDisk(TrainingDisk.stateBytes(tensors, training.weightType(), training.codedMoments()), 0, result,
                snapshots.count() * result, resume().isWanted() || training.isSavedAgain(options.steps())));
        return Decoder.create(config, start, target);
    }

    /** The process of one pretraining. */
    private final class Pretraining {
        private final TrainingRun run;
        private final Decoder model;
        private final Weights start;
        private final TrainingOptions options;
        private final Snapshots snapshots;
        private final Progress progress;
        /** The settings that determine the result. */
        private final SequencedMap<String, String> settings = new LinkedHashMap<>();
        /** The provenance in the output. */
        private final SequencedMap<String, String> provenance = new LinkedHashMap<>();
        private final List<TextEvaluation> heldOut = new ArrayList<>();

        private Pretraining(TrainingRun run, Decoder model, Weights start, TrainingOptions options, Snapshots snapshots, Progress progress) {
            this.run = run;
            this.model = model;
            this.start = start;
            this.options = options;
            this.snapshots = snapshots;
            this.progress = progress;
            SavedSettings.put(settings, "config", model.config());
            settings.putAll(TrainingSettings.inWords(options));
            settings.put("seed", Long.toString(training.seed()));
            provenance.putAll(settings);
        }

        /** Trains and writes, and returns the perplexities on held-out text. */
        private SequencedMap<String, Double> train(Tokenizer vocabulary, Path directory) {
            List<PackedTokens> packed = new ArrayList<>();
            try {
                TokenSequences sequences = read(vocabulary, packed);
                run.require(settings, model.device());
                progress.note(model.device().backend().description());
                for (int i = 0; i < packed.size(); i++) {
                    run.reportText("text " + (i + 1), packed.get(i).coverage());
                }
                training.noteDigits(dtype, progress);
                model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
                model.setActivationCheckpointing(training.checkpointActivations());
                TrainingRun.Outcome outcome;
                try (var trainer = new Trainer(model, new LanguageModelling(), sequences, options)) {
                    trainer.engineInWords().ifPresent(progress::note);
                    outcome = run.train("pretrain",
                            new TrainingRun.Training(trainer, options.steps(), HeldOutEvaluation.NONE, this::afterStep, this::restart), training);
                }
                outcome.requireFinite();
                return write(outcome.steps(), directory);
            } finally {
                packed.forEach(PackedTokens::close);
            }
        }

        /** Reads all texts. */
        private TokenSequences read(Tokenizer vocabulary, List<PackedTokens> packed) {
            List<PackedSequences> sources = new ArrayList<>();
            int length = options.sequenceLength();
            var inputs = new RunInputs();
            for (Corpus corpus : corpora) {
                long share = options.steps() * options.tokensPerStep() / corpora.size() + length + 1;
                DocumentEncoder encoder = DocumentEncoder.of(vocabulary);
                PackedTokens text = documentsHeldOut
                        ? PackedTokens.drawn(corpus.training(HeldOut.FRACTION), encoder, share, 0, training.seed())
                        : PackedTokens.drawn(corpus, encoder, share + HELD_OUT_TOKENS + length, HELD_OUT_TOKENS, training.seed());
                packed.add(text);
                long beginning = documentsHeldOut ? 0 : HeldOut.beginning(text, length, HELD_OUT_TOKENS);
                sources.add(new PackedSequences(text, beginning, length, 1, training.seed()));
                if (documentsHeldOut) {
                    HeldOut.of(corpus.description(), corpus, vocabulary, length, HELD_OUT_TOKENS).ifPresent(heldOut::add);
                } else {
                    heldOut.add(TextEvaluation.of(corpus.description(), text, length, beginning));
                }
                inputs.addCorpus(packed.size(), text);
                provenance.put("text " + packed.size(), text.description());
            }
            settings.putAll(inputs.inWords());
            return TokenSequences.mixed(sources, sources.stream().mapToDouble(_ -> 1).toArray());
        }

        private void afterStep(StepMetrics step) {
            if (step.step() == step.steps()) {
                heldOut.forEach(evaluation -> evaluation.requireFinite(model));
            }
            snapshots.writeAfter(step.step(), snapshot -> writeSnapshot(step, snapshot));
        }

        private void restart() {
            model.parameters().forEach((name, parameter) -> {
                try (var _ = Scope.open(model.device())) {
                    parameter.value().assign(start.get(name, parameter.value().shape()));
                }
            });
        }

        private SequencedMap<String, Double> write(List<StepMetrics> steps, Path directory) {
            writeModel(directory).forEach(note -> progress.note("note: " + note));
            Map<String, Object> written = provenance(steps.getLast());
            written.put("final_training_loss",
                    steps.stream().skip(Math.max(0, steps.size() - 20)).mapToDouble(StepMetrics::loss).average().orElseThrow());
            SequencedMap<String, Double> perplexities = new LinkedHashMap<>();
            heldOut.forEach(evaluation -> perplexities.put(evaluation.name(), evaluation.perplexity(model)));
            written.put("held_out_perplexity", perplexities);
            AtomicFiles.writeJson(directory.resolve("provenance.json"), written);
            card(steps.getLast(), directory, perplexities);
            return perplexities;
        }

        private void writeSnapshot(StepMetrics step, Path directory) {
            writeModel(directory);
            Map<String, Object> written = provenance(step);
            written.put("step", step.step());
            written.put("training_loss", step.loss());
            AtomicFiles.writeJson(directory.resolve("provenance.json"), written);
            card(step, directory, new LinkedHashMap<>());
        }

        private void card(StepMetrics last, Path directory, SequencedMap<String, Double> perplexities) {
            Architecture family = model.config().architecture();
            var card = new ModelCard("A small " + family.label(), "A small %s (`%s`) that KEPT trained from scratch, as a teacher to try conversions "
                    .formatted(family.label(), family.className()) + "with. provenance.json has all settings.", family.modelType(), "kept");
            card.fact("trained on", "%,d tokens".formatted(last.tokens())).resumed(run.resumptions());
            perplexities.forEach((name, perplexity) -> card.fact("held-out perplexity, " + name, "%.2f".formatted(perplexity)));
            card.write(directory, progress);
        }

        /** Writes weights, configuration and tokenizer; returns notes on the tokenizer's files. */
        private List<String> writeModel(Path directory) {
            ModelWriter.write(model, dtype, directory, format, maxShardSize);
            model.config().toBuilder().dtype(dtype).build().write(directory);
            return TokenizerCopy.write(tokenizer, directory, model.config().maxPositions(), TokenizerFiles.Options.NONE);
        }

        private Map<String, Object> provenance(StepMetrics last) {
            Map<String, Object> written = new LinkedHashMap<>();
            written.put("command", command());
            if (!run.resumptions().isEmpty()) {
                written.put(TrainingState.RESUMPTIONS, run.resumptions());
            }
            written.put("settings", provenance);
            written.put("tokens", last.tokens());
            return written;
        }
    }
}

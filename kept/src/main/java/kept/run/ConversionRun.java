package kept.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.io.DiskSpace;
import kept.io.FileException;
import kept.io.OutputKind;
import kept.io.ResumableDirectory;
import kept.mapping.Conversion;
import kept.mapping.Mapping;
import kept.mapping.UsualMapping;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.model.TensorName;
import kept.model.TensorRole;
import kept.model.Weights;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.TensorException;
import kept.text.Counts;
import kept.tokenizer.TokenizerFiles;
import kept.weights.WeightValuesException;

/**
 * Maps a source checkpoint to a Llama checkpoint without training. Defaults are those of {@code kept convert}:
 *
 * <pre>{@code
 * ConversionRun.of(source, output).mapping(MappingChoice.calibrated(text)).run(Progress.NONE);
 * }</pre>
 *
 * <p>Tensors are processed one by one, so memory does not grow with the model. The output appears complete or not at all. The finished part of a
 * conversion that was stopped or killed stays in {@code OUTPUT.partial}; {@link #resume} continues it.
 */
public final class ConversionRun extends ResumableRun<ConversionRun> {
    private final Path source;
    private final Path output;
    /** Null for the {@linkplain MappingChoice#usual usual} one, until the source is read. */
    private MappingChoice mapping;
    /** What is said where the mapping is the usual one. */
    private List<String> notes = List.of();
    private DType dtype;
    private long maxShardSize = CheckpointWriter.DEFAULT_SHARD_BYTES;
    private boolean verified;
    private TokenizerFiles.Options tokenizer = TokenizerFiles.Options.NONE;
    private Communicator ranks = Communicator.single();

    private ConversionRun(Path source, Path output) {
        this.source = source;
        this.output = output;
    }

    @Override
    ConversionRun self() {
        return this;
    }

    /**
     * A finished conversion.
     *
     * @param mapping the table that was used
     * @param source a description of the source's weights
     * @param output a description of the output's weights
     * @param verifiedBytes bytes of tensors that were compared with their source; 0 if that was not requested
     */
    public record Result(Mapping mapping, String source, String output, long verifiedBytes) {}

    /**
     * A conversion.
     *
     * @param source the source's directory: config.json, weights, tokenizer
     * @param output the Llama's directory, which the run creates
     * @return the conversion, with default settings
     */
    public static ConversionRun of(Path source, Path output) {
        return new ConversionRun(source, output);
    }

    /**
     * Sets the mapping; by default {@linkplain MappingChoice#usual the usual one}: OPM, or {@code exact} where the norms have no biases.
     *
     * @param choice the mapping
     * @return this
     * @throws RunException if it is a given student, which is a Llama already
     */
    public ConversionRun mapping(MappingChoice choice) {
        if (choice.student() != null) {
            throw new RunException("[convert] %s is a Llama already; convert maps a source to one".formatted(choice.student()));
        }
        mapping = choice;
        return this;
    }

    /**
     * Sets the type of the stored weights; the source's types by default.
     *
     * @param type F32, BF16 or F16
     * @return this
     */
    public ConversionRun dtype(DType type) {
        dtype = type;
        return this;
    }

    /**
     * Sets the maximum size of a weight file; 5 GB by default.
     *
     * @param bytes the maximum bytes of tensors in one file
     * @return this
     */
    public ConversionRun maxShardSize(long bytes) {
        maxShardSize = bytes;
        return this;
    }

    /**
     * Sets whether the output is read back and each tensor compared with its source, byte by byte; false by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public ConversionRun verify(boolean wanted) {
        verified = wanted;
        return this;
    }

    /**
     * Sets how the tokenizer's files are written; as in the source by default.
     *
     * @param options the chat template and the tokenizer class
     * @return this
     */
    public ConversionRun tokenizer(TokenizerFiles.Options options) {
        tokenizer = options;
        return this;
    }

    /**
     * Sets the ranks that divide the weight files, and the measurements of {@code calibrated}; this process alone by default. Rank 0 does the {@link
     * #run}, each other rank {@linkplain #follow follows} with the same settings, and all reach the same output directory. The output has the same
     * bits for any number of ranks.
     *
     * @param all this rank and the others, which the caller closes
     * @return this
     */
    public ConversionRun ranks(Communicator all) {
        ranks = all;
        return this;
    }

    /**
     * Does the part of a rank other than 0.
     *
     * @throws RunException in rank 0
     * @throws kept.distributed.RankException if another rank fails
     * @throws TensorException other errors of files, models and mappings
     */
    public void follow() {
        if (ranks.rank() == 0) {
            throw new RunException("[convert] rank 0 leads the conversion (ConversionRun.run)");
        }
        DecoderConfig config = readSource();
        var measurement = new Measurement(mapping, mapping.table(config), Measurement.directoryOf(output), resume(), Progress.NONE, ranks);
        try (var checkpoint = Checkpoint.open(source)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            if (isWriting(false)) {
                Weights measured = mapping.isCalibrated() ? measurement.follow(checkpoint, device(), this::awaitFirst)
                        : Measurement.Measured.NOTHING.tensors();
                Path files = ResumableDirectory.files(output);
                var conversion = conversion(forWeights(measurement.table(), checkpoint), checkpoint, measured);
                awaitFirst();
                conversion.write(files, _ -> { });
                if (verified) {
                    awaitFirst();
                    conversion.verify(files, _ -> { });
                    awaitAll();
                }
            }
        }
    }

    /** Reads the source's configuration, and takes the usual mapping for it where none is chosen. */
    private DecoderConfig readSource() {
        DecoderConfig config = DecoderConfig.read(source);
        if (mapping == null) {
            mapping = MappingChoice.usual(config);
            notes = UsualMapping.notes(config);
        }
        return config;
    }

    /** Whether rank 0, which knows, has files to be written. */
    private boolean isWriting(boolean known) {
        return SharedItems.fromFirst(ranks, () -> new int[] {known ? 1 : 0})[0] == 1;
    }

    /** Goes on when all ranks are here. */
    private void awaitAll() {
        if (ranks.size() > 1) {
            ranks.barrier();
        }
    }

    /** Goes on when rank 0 is here too. */
    private void awaitFirst() {
        isWriting(true);
    }

    /** The mapping for the source's weights and the type in which those of the target are stored. */
    private Mapping forWeights(Mapping table, Checkpoint checkpoint) {
        String embedding = table.source().architecture().name(TensorName.of(TensorRole.EMBEDDING));
        return table.forWeights(new CheckpointWeights(checkpoint), dtype == null ? checkpoint.entry(embedding).dtype() : dtype);
    }

    private Conversion conversion(Mapping table, Checkpoint checkpoint, Weights measured) {
        return new Conversion(table, checkpoint, measured, dtype, maxShardSize, ranks);
    }

    /**
     * Executes the run.
     *
     * @param progress receives the progress
     * @return the result
     * @throws RunException if it cannot be done; the message names the remedy
     * @throws StoppedException if {@code progress} stopped it
     * @throws TensorException other errors of files, models and mappings
     */
    public Result run(Progress progress) {
        DecoderConfig config = readSource();
        var measurement = new Measurement(mapping, mapping.table(config), Measurement.directoryOf(output), resume(), progress, ranks);
        try (var checkpoint = Checkpoint.open(source);
                var stop = progress.stop()) {
            CheckpointWeights.requireTensors(checkpoint, config);
            Notes.report(progress, source, checkpoint);
            Mapping table = forWeights(measurement.table(), checkpoint);
            // A run that was interrupted while it measured has no weight files to resume with.
            boolean resumes = resume().isWanted() && !(measurement.isBegun() && !Files.exists(ResumableDirectory.partial(output)));
            long compared = 0;
            try (var directory = ResumableDirectory.prepare(output, OutputKind.CHECKPOINT, isOverwriting(), resumes, settings(checkpoint, table),
                    inputs())) {
                if (isWriting(!directory.isInPlace())) {
                    Weights measured = measure(measurement, checkpoint, stop);
                    compared = new Writing(conversion(table, checkpoint, measured), table, checkpoint.fingerprint(), directory, progress,
                            stop).write();
                }
                directory.commit();
                measurement.discard();
            }
            return new Result(table, checkpoint.description(), written(), compared);
        }
    }

    private Path[] inputs() {
        return inputs(Stream.concat(Stream.of(source), mapping.text().stream()));
    }

    /** Describes the output's weights. */
    private String written() {
        try (var weights = Checkpoint.open(output)) {
            String types = weights.names().stream().map(name -> weights.entry(name).dtype().label()).distinct().sorted()
                    .collect(Collectors.joining(" and "));
            return "%s, %s".formatted(weights.description(), types);
        }
    }

    private Weights measure(Measurement measurement, Checkpoint checkpoint, Progress.Stop stop) {
        measurement.requireNothingBegun(isOverwriting());
        if (!mapping.isCalibrated()) {
            return Measurement.Measured.NOTHING.tensors();
        }
        Weights measured = measurement.measure(checkpoint, measurement.read(source, tokenizer.chatTemplate()), device(), stop);
        awaitFirst();
        return measured;
    }

    /** The settings that determine the output, which a resumed run must share; the source is identified by its contents, not its path. */
    private SequencedMap<String, String> settings(Checkpoint checkpoint, Mapping table) {
        var settings = new LinkedHashMap<String, String>();
        settings.putAll(mapping.inWords(table));
        settings.put("dtype", dtype == null ? "as the source" : dtype.label());
        settings.put("largest weight file", Long.toString(maxShardSize));
        SavedSettings.put(settings, "the source's config", table.source());
        checkpoint.names().forEach(name -> settings.put("the source's tensor " + name, checkpoint.fingerprint(name)));
        return settings;
    }

    /** The process of writing an output's weight files. */
    private final class Writing {
        private final Conversion conversion;
        private final Mapping table;
        private final ResumableDirectory directory;
        private final Progress progress;
        private final Progress.Stop stop;
        private final String fingerprint;

        private Writing(Conversion conversion, Mapping table, String fingerprint, ResumableDirectory directory, Progress progress,
                Progress.Stop stop) {
            this.conversion = conversion;
            this.fingerprint = fingerprint;
            this.table = table;
            this.directory = directory;
            this.progress = progress;
            this.stop = stop;
        }

        /** Writes all files and returns how many bytes of tensors were compared with their source. */
        private long write() {
            try {
                Path files = directory.directory();
                long missing = conversion.missingBytes(files);
                DiskSpace.require(files, output, missing);
                int found = directory.finishedFiles().size();
                long total = conversion.totalBytes();
                if (found > 0) {
                    requireFinished(files, Math.max(0, total - missing));
                    progress.note("resuming: %s finished before".formatted(Counts.of(found, "weight file")));
                }
                LlamaDirectory.writeCompanions(table.target(), dtype, source, files, tokenizer, progress);
                card().write(files, progress);
                // After all that is checked first, so that what is refused there is told in one line, and before the work.
                notes.forEach(progress::note);
                awaitFirst();
                long own = conversion.ownBytes(files);
                watch("convert", own, ranks.size() == 1 ? Math.max(0, total - missing) : 0, piece -> conversion.write(files, piece));
                if (verified) {
                    awaitFirst();
                    watch("verify", own, 0, piece -> conversion.verify(files, piece));
                    awaitAll();
                }
                return verified ? total : 0;
            } catch (StoppedException e) {
                boolean nothing = directory.finishedFiles().isEmpty();
                progress.note(nothing ? "stopped; no weight file was finished, so nothing is kept" : "stopped; " + kept());
                throw e;
            } catch (RunException e) {
                throw e;
            } catch (TensorException e) {
                if (directory.finishedFiles().isEmpty()) {
                    throw e;
                }
                String next = e instanceof WeightValuesException
                        ? "then start over with --overwrite, which deletes the finished weight files in " + directory.partial()
                        : kept();
                throw new RunException(e.getMessage() + "; " + next, e);
            }
        }

        private ModelCard card() {
            String name = ModelCard.nameOf(source);
            var card = ModelCard.ofLlama(source, name, table, "by the mapping `%s`, without training".formatted(table.name()));
            mapping.inWords(table).entrySet().stream().skip(1).forEach(setting -> card.fact(setting.getKey(), setting.getValue()));
            card.fact("fingerprint of the source", fingerprint).fact("command", command());
            return card.section("Fidelity", "It was not measured. `kept verify --teacher SOURCE --student DIRECTORY --held-out NAME=FILE` measures"
                    + " how closely this model follows its source.");
        }

        /** Compares the finished files of an earlier run with the source. */
        private void requireFinished(Path files, long bytes) {
            try {
                watch("compare", bytes, 0, piece -> conversion.verifyFinished(files, piece));
            } catch (FileException e) {
                String where = e.tensor() == null ? e.file().toString() : "%s: tensor '%s' at byte %d".formatted(e.file(), e.tensor(), e.offset());
                throw new RunException("[resume] %s is not what the source gives: the file is damaged, or the source has changed since it was"
                        .formatted(where) + " written, or it was computed with vectors of another width; start over with --overwrite", e);
            }
        }

        private String kept() {
            return "the finished weight files are in %s; the same command with --resume continues from there".formatted(directory.partial());
        }

        /** Does some work, reports its progress, and ends it when the run is stopped. */
        private void watch(String task, long total, long before, Consumer<LongConsumer> pieces) {
            try (var work = Work.begin(progress, task, Progress.Unit.BYTES, total, before)) {
                var done = new long[1];
                pieces.accept(bytes -> {
                    done[0] += bytes;
                    work.done(done[0]);
                    if (stop.isWanted()) {
                        throw new StoppedException();
                    }
                });
            }
        }
    }
}

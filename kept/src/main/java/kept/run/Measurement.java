package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.calibration.Calibration;
import kept.calibration.CalibrationCost;
import kept.calibration.CalibrationSequences;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.corpus.TextCoverage;
import kept.distributed.Communicator;
import kept.generation.ConversationEncoder;
import kept.io.AtomicFiles;
import kept.io.Checksum;
import kept.io.DiskSpace;
import kept.io.JsonObject;
import kept.io.OutputDirectory;
import kept.io.OwnFiles;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;

/** A mapping of a teacher, and the directory of its measured tensors, from which an interrupted run resumes. */
final class Measurement {
    /** The prefix of the note on the text. */
    static final String CALIBRATION = "calibration: ";

    private static final String SETTINGS = "calibration.json";
    private static final String ARITHMETIC = "computed on";

    private final MappingChoice choice;
    private final Mapping table;
    private final Path directory;
    private final Resume resume;
    private final Progress progress;
    private final Communicator ranks;

    /**
     * The result of the measurement.
     *
     * @param tensors the mapping's measured tensors; none for a mapping that measures nothing
     * @param text the calibration sequences, identified by a checksum; empty for a mapping that measures nothing
     * @param coverage the part that was read of a calibration text
     */
    record Measured(Weights tensors, Optional<String> text, Optional<TextCoverage> coverage) {
        static final Measured NOTHING = new Measured((name, _) -> {
            throw new IllegalStateException("nothing was measured: " + name);
        }, Optional.empty(), Optional.empty());

        static Measured of(MeasuredTensors tensors, CalibrationSequences sequences) {
            return new Measured(tensors, Optional.of(inWords(sequences)), sequences.coverage());
        }
    }

    /**
     * Creates the measurement for a mapping of a teacher; nothing is measured yet.
     *
     * @param choice the mapping
     * @param table its table
     * @param directory the directory of measured tensors; created when it is needed
     * @param resume whether to resume from measured tensors, even those of another device or vector width
     * @param progress receives the progress
     * @param ranks those that share the measurement, of which rank 0 alone stores the results
     */
    Measurement(MappingChoice choice, Mapping table, Path directory, Resume resume, Progress progress, Communicator ranks) {
        this.choice = choice;
        this.table = table;
        this.directory = directory;
        this.resume = resume;
        this.progress = progress;
        this.ranks = ranks;
        if (choice.isCalibrated() && ranks.rank() == 0) {
            OwnFiles.CALIBRATION.requireNothingElse(directory, "it cannot hold measured tensors; move that away");
        }
    }

    /** The directory of measured tensors for an output. */
    static Path directoryOf(Path output) {
        Path target = OutputDirectory.resolve(output);
        return target.resolveSibling(target.getFileName() + ".calibration");
    }

    Mapping table() {
        return table;
    }

    /** Whether measured tensors exist. */
    boolean isBegun() {
        return Files.exists(directory.resolve(SETTINGS));
    }

    /** Refuses to start if measured tensors exist, or removes them. */
    void requireNothingBegun(boolean overwrite) {
        if (!resume.isWanted() && isBegun()) {
            if (!overwrite) {
                throw new RunException("[calibration] %s holds an unfinished calibration; continue with --resume, or start over with --overwrite"
                        .formatted(directory));
            }
            discard();
        }
    }

    /**
     * Reads the calibration text.
     *
     * @param teacher the teacher's directory
     * @param template the source of a chat template that replaces those of the teacher, if any
     */
    CalibrationSequences read(Path teacher, Optional<String> template) {
        var corpus = choice.corpus();
        DecoderConfig config = table.source();
        try (Tokenizer tokenizer = Tokenizer.load(teacher)) {
            tokenizer.requireVocabulary(config.vocabSize());
            Calibration.requireTokens(config, choice.tokens(config));
            var encoder = ConversationEncoder.of(tokenizer, config.vocabSize(), teacher, template);
            CalibrationSequences sequences = CalibrationSequences.of(corpus, encoder, config.maxPositions(), choice.tokens(config), 0);
            sequences.coverage().ifPresent(read -> progress.note(CALIBRATION + read.description()));
            return sequences;
        }
    }

    /**
     * Measures the tensors that have not been measured yet.
     *
     * @param checkpoint the teacher's weights
     * @param sequences the calibration sequences
     * @param device the device
     * @param stop ends it; what has been measured is kept
     * @return the measured tensors
     */
    MeasuredTensors measure(Checkpoint checkpoint, CalibrationSequences sequences, Device device, Progress.Stop stop) {
        requireRoom();
        MeasuredTensors measured = open(checkpoint, sequences, device);
        CalibrationSequences.fromFirst(ranks, table.source().maxPositions(), () -> sequences);
        run(calibration(checkpoint, sequences, device), measured, "calibrate", "", () -> requireNoStop(stop), progress);
        return measured;
    }

    /** Measures in a rank other than 0, which has the sequences and stores the results. */
    CalibrationSequences follow(Checkpoint checkpoint, Device device) {
        CalibrationSequences sequences = CalibrationSequences.fromFirst(ranks, table.source().maxPositions(), null);
        calibration(checkpoint, sequences, device).run(MeasuredTensors.inMemory(), _ -> { }, _ -> { }, _ -> { });
        return sequences;
    }

    /** Measures in a rank other than 0, and opens what rank 0 has stored in a directory that both reach. */
    MeasuredTensors follow(Checkpoint checkpoint, Device device, Runnable awaitFirst) {
        CalibrationSequences sequences = follow(checkpoint, device);
        awaitFirst.run();
        return open(checkpoint, sequences, device);
    }

    private Calibration calibration(Checkpoint checkpoint, CalibrationSequences sequences, Device device) {
        return new Calibration(table, new CheckpointWeights(checkpoint), sequences.ids(), choice.options(), device, ranks);
    }

    /** The directory of what has been measured of these sequences. */
    private MeasuredTensors open(Checkpoint checkpoint, CalibrationSequences sequences, Device device) {
        Map<String, String> settings = new LinkedHashMap<>(choice.inWords(table));
        SavedSettings.put(settings, "teacher", table.source());
        settings.put("teacher's tensors", "checksum " + checkpoint.checksum());
        settings.put("calibration text", inWords(sequences));
        settings.put(ARITHMETIC, arithmetic(device));
        return MeasuredTensors.open(directory, settings);
    }

    /** Identifies the calibration sequences by a checksum. */
    private static String inWords(CalibrationSequences sequences) {
        int[][] ids = sequences.ids();
        return "%,d sequences of %,d tokens, checksum %s".formatted(ids.length, ids[0].length,
                Checksum.of(Stream.of(ids).flatMapToInt(IntStream::of).toArray()));
    }

    private void requireNoStop(Progress.Stop stop) {
        if (stop.isWanted()) {
            progress.note("stopped; what has been measured is in %s; the same command with --resume continues from there".formatted(directory));
            throw new StoppedException();
        }
    }

    /** Refuses a measurement for which the disk has no room, before anything is measured. */
    private void requireRoom() {
        CalibrationCost cost = CalibrationCost.of(table.source(), choice.tokens(table.source()), Double.isNaN(choice.options().anchor()));
        if (!isBegun()) {
            DiskSpace.require(directory.getParent(), directory, cost.resultBytes());
        }
        Path spill = choice.options().spill();
        if (spill != null) {
            DiskSpace.require(spill, spill, cost.streamBytes());
        }
    }

    /** The backend that computes, or the one that computed the part from which the user resumes although its bits differ. */
    private String arithmetic(Device device) {
        if (!isBegun()) {
            return device.backend().arithmetic();
        }
        JsonObject begun = JsonObject.read("calibration", directory.resolve(SETTINGS));
        String before = begun.has(ARITHMETIC) ? begun.string(ARITHMETIC) : "unknown";
        resume.requireSame(directory, before, device, progress);
        return before;
    }

    /**
     * Runs a calibration and reports its progress.
     *
     * @param calibration the calibration
     * @param measured receives the results
     * @param task its name
     * @param prefix the prefix of notes on the chosen values
     * @param check called repeatedly; an exception of it ends the calibration
     * @param progress receives the progress
     */
    static void run(Calibration calibration, MeasuredTensors measured, String task, String prefix, Runnable check, Progress progress) {
        try (var work = Work.begin(progress, task, Progress.Unit.TOKENS, calibration.work(), 0)) {
            var done = new long[1];
            calibration.run(measured, tokens -> {
                done[0] += tokens;
                work.done(done[0]);
                check.run();
            }, note -> progress.note(prefix + note), detail -> progress.detail(prefix + detail));
        }
    }

    /** The tensors that the table's rows use. */
    Weights sources(Checkpoint checkpoint, Measured measured) {
        return table.sources(new CheckpointWeights(checkpoint), measured.tensors());
    }

    /** Removes the measured tensors, and nothing else. */
    void discard() {
        if (!choice.isCalibrated() || !Files.exists(directory)) {
            return;
        }
        try {
            OwnFiles.CALIBRATION.delete(directory);
        } catch (IOException e) {
            throw new RunException("[calibration] %s cannot be removed: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
    }
}

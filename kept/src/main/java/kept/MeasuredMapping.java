package kept;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.calibration.Calibration;
import kept.calibration.CalibrationCost;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.corpus.Corpus;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
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
import kept.report.TextTable;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;

/**
 * From a mapping's name, a teacher's directory and a text to all that makes a student: the table, and the tensors its rows are made of. What has
 * to be measured first is measured into a directory, where a run that was ended goes on.
 */
final class MeasuredMapping {
    /** Sequences are drawn from a text so many times as long as what is measured on, where there is as much. */
    static final long TEXT_SHARE = 16;
    private static final int LENGTH = 512;
    private static final String SETTINGS = "calibration.json";
    private static final String ARITHMETIC = "computed on";

    private final Program program;
    private final MappingOptions options;
    private final Mapping table;
    private final Path directory;
    /** What the remark on the text begins with. */
    static final String CALIBRATION = "calibration: ";

    private final ResumeOptions resume;
    /** What was measured on, by a checksum. */
    private String text;
    private TextCoverage coverage;

    /**
     * The chosen mapping for a teacher; nothing is measured yet.
     *
     * @param program tells progress
     * @param options which mapping
     * @param config the teacher's
     * @param directory the place of what is measured; made if it is needed
     * @param resume whether to go on with what is there, even if something else has computed it
     */
    MeasuredMapping(Program program, MappingOptions options, DecoderConfig config, Path directory, ResumeOptions resume) {
        this.resume = resume;
        this.program = program;
        this.options = options;
        this.table = options.table(config);
        this.directory = directory;
        if (options.isCalibrated()) {
            OwnFiles.CALIBRATION.requireNothingElse(directory, "it is no place for what is measured; move that away");
        }
    }

    /** The place of what is measured for an output. */
    static Path directoryOf(Path output) {
        Path target = OutputDirectory.resolve(output);
        return target.resolveSibling(target.getFileName() + ".calibration");
    }

    Mapping table() {
        return table;
    }

    /**
     * Measures what the mapping needs and has not been measured yet.
     *
     * @param checkpoint the teacher's weights
     * @param teacher its directory, for the tokenizer
     * @param text what to measure on if the user has named nothing; null for nothing
     * @param device where to compute
     * @param interruption ends it when the user wants that; what has been measured is kept
     * @return the measured tensors; null for a mapping that has none
     */
    Weights measure(Checkpoint checkpoint, Path teacher, Corpus text, Device device, Interruption interruption) {
        if (!options.isCalibrated()) {
            return null;
        }
        Corpus corpus = options.text().isEmpty() ? text : Corpus.of(options.text(), options.field());
        if (corpus == null) {
            options.requireText();
        }
        try (Tokenizer tokenizer = Tokenizer.load(teacher)) {
            tokenizer.requireVocabulary(table.source().vocabSize());
            Calibration.requireTokens(table.source(), options.tokens(table.source()));
            int[][] sequences = sequences(corpus, tokenizer, table.source().maxPositions(), options.tokens(table.source()), 0, this::tell);
            return measure(checkpoint, sequences, device, interruption);
        }
    }

    /**
     * Draws what is measured on: sequences from all over a text, each at most once.
     *
     * @param corpus the text
     * @param tokenizer the model's
     * @param positions the model's longest sequence
     * @param tokens how many are wanted, at most
     * @param seed which order of chance
     * @param reading is told what was read of the text
     * @return ids, {@code [sequences][length]}
     */
    static int[][] sequences(Corpus corpus, Tokenizer tokenizer, int positions, long tokens, long seed, Consumer<TextCoverage> reading) {
        int length = Math.min(LENGTH, positions);
        try (var packed = PackedTokens.of(corpus, tokenizer, tokens * TEXT_SHARE)) {
            reading.accept(packed.coverage());
            return drawn(packed, 0, length, tokens, seed);
        }
    }

    private void tell(TextCoverage read) {
        coverage = read;
        program.err().println(CALIBRATION + read.description());
    }

    /** What was read of a text that was named to measure on; null if nothing was. */
    TextCoverage coverage() {
        return coverage;
    }

    private static int[][] drawn(PackedTokens packed, long from, int length, long tokens, long seed) {
        var drawn = new PackedSequences(packed, from, length, 0, seed);
        int count = (int) Math.min(Math.ceilDiv(tokens, length), drawn.count());
        var sequences = new int[count][];
        for (int i = 0; i < count; i++) {
            sequences[i] = drawn.next(1);
        }
        return sequences;
    }

    /**
     * Measures on what the user has named, or else on a part of a text that is packed for something else.
     *
     * @param checkpoint the teacher's weights
     * @param teacher its directory, for the tokenizer
     * @param packed the text
     * @param from the first of its tokens that may be measured on: those before it are held out
     * @param device where to compute
     * @param interruption ends it when the user wants that; what has been measured is kept
     * @return the measured tensors; null for a mapping that has none
     */
    Weights measure(Checkpoint checkpoint, Path teacher, PackedTokens packed, long from, Device device, Interruption interruption) {
        if (!options.isCalibrated() || !options.text().isEmpty()) {
            return measure(checkpoint, teacher, null, device, interruption);
        }
        Calibration.requireTokens(table.source(), Math.min(options.tokens(table.source()), packed.size() - from));
        int length = Math.min(LENGTH, table.source().maxPositions());
        return measure(checkpoint, drawn(packed, from, length, options.tokens(table.source()), 0), device, interruption);
    }

    /**
     * Measures on chosen sequences, such as those that are left of a text whose beginning is held out.
     *
     * @param checkpoint the teacher's weights
     * @param sequences ids of equal length, in an order of chance
     * @param device where to compute
     * @param interruption ends it when the user wants that; what has been measured is kept
     * @return the measured tensors
     */
    Weights measure(Checkpoint checkpoint, int[][] sequences, Device device, Interruption interruption) {
        requireRoom();
        text = "%,d sequences of %,d tokens, checksum %s".formatted(sequences.length, sequences[0].length,
                Checksum.of(Stream.of(sequences).flatMapToInt(IntStream::of).toArray()));
        var calibration = new Calibration(table, new CheckpointWeights(checkpoint), sequences, options.calibration(), device);
        Map<String, String> settings = new LinkedHashMap<>(options.inWords(table.source()));
        settings.put("teacher", table.source().toString());
        settings.put("teacher's tensors", "checksum " + checkpoint.checksum());
        settings.put("calibration text", text);
        settings.put(ARITHMETIC, arithmetic(device));
        MeasuredTensors measured = MeasuredTensors.open(directory, settings);
        run(calibration, measured, "calibrate", remark -> program.err().println(remark), () -> {
            if (interruption.isWanted()) {
                program.err().println("stopped; what has been measured is in %s; the same command with --resume goes on from there"
                        .formatted(directory));
                program.err().flush();
                throw new Interruption.Stopped();
            }
        }, program);
        return measured;
    }

    /** Refuses what would find the disk full, before anything is measured. */
    private void requireRoom() {
        CalibrationCost cost = CalibrationCost.of(table.source(), options.tokens(table.source()), Double.isNaN(options.calibration().anchor()));
        if (!isBegun()) {
            DiskSpace.require(directory.getParent(), directory, cost.resultBytes());
        }
        if (options.calibration().spill() != null) {
            DiskSpace.require(options.calibration().spill(), options.calibration().spill(), cost.streamBytes());
        }
    }

    /** What computes, or what the user goes on with though it has computed with other bits. */
    private String arithmetic(Device device) {
        if (!isBegun()) {
            return device.backend().arithmetic();
        }
        JsonObject begun = JsonObject.read("calibration", directory.resolve(SETTINGS));
        String before = begun.has(ARITHMETIC) ? begun.string(ARITHMETIC) : "unknown";
        resume.requireSame(directory, before, device, program);
        return before;
    }

    /** What was measured on, by a checksum; null if nothing was. */
    String text() {
        return text;
    }

    /**
     * Runs a calibration and shows how far it is.
     *
     * @param calibration what is to be measured
     * @param measured the place of the results
     * @param task what it is called beside its progress
     * @param remarks is told what was chosen
     * @param check is asked now and then; what it throws ends the calibration
     * @param program whose error stream shows the progress
     */
    static void run(Calibration calibration, MeasuredTensors measured, String task, Consumer<String> remarks, Runnable check, Program program) {
        try (var progress = new CountedProgress(task, calibration.work(), program.err())) {
            var done = new long[1];
            calibration.run(measured, tokens -> {
                done[0] += tokens;
                progress.show(done[0]);
                check.run();
            }, remarks);
        }
    }

    /** Tells what measuring takes, by config.json alone. */
    void printPlan(Device device) {
        if (!options.isCalibrated()) {
            program.out().println("nothing is measured: the mapping takes as long as copying, and memory for one tensor");
            return;
        }
        DecoderConfig config = table.source();
        long tokens = options.tokens(config);
        CalibrationCost cost = CalibrationCost.of(config, tokens, Double.isNaN(options.calibration().anchor()));
        var memory = new TextTable("calibration", "in memory", "--spill DIR");
        memory.row("streams of %,d tokens".formatted(tokens), size(cost.streamBytes()), "on disk");
        memory.row("weights of half a layer, both models", size(cost.weightBytes()), size(cost.weightBytes()));
        memory.row("activations", size(cost.activationBytes()), size(cost.activationBytes()));
        memory.row("equations of a norm (Java heap)", size(cost.equationBytes()), size(cost.equationBytes()));
        memory.row("then: the largest tensor of the output", size(cost.outputBytes()), size(cost.outputBytes()));
        memory.row("at most at a time", size(cost.memoryBytes(false)), size(cost.memoryBytes(true)));
        memory.print(program.out());
        MachineMemory machine = MachineMemory.now();
        program.out().println("this machine has %s, %s of it free; the Java heap may take %s".formatted(
                size(machine.total()), size(machine.free()), size(Runtime.getRuntime().maxMemory())));
        program.out().println("on disk: %s of measured tensors until the output is written, and with --spill %s of streams".formatted(
                size(cost.resultBytes()), size(cost.streamBytes())));
        double seconds = cost.seconds(config, device);
        program.out().println("it takes about %s at the rates of this machine, measured just now".formatted(DistillationPlan.duration(seconds)));
        Calibration.advice(config, tokens).ifPresent(program.out()::println);
        program.out().flush();
    }

    private static String size(long bytes) {
        return MachineMemory.inWords(bytes);
    }

    /** The tensors that the table's rows are made of. */
    Weights sources(Checkpoint checkpoint, Weights measured) {
        return table.sources(new CheckpointWeights(checkpoint), measured);
    }

    /** Whether something has been measured before. */
    boolean isBegun() {
        return Files.exists(directory.resolve(SETTINGS));
    }

    /** Removes what has been measured, and nothing else. */
    void discard() {
        if (!options.isCalibrated() || !Files.exists(directory)) {
            return;
        }
        try {
            OwnFiles.CALIBRATION.delete(directory);
        } catch (IOException e) {
            throw new ProgramException("[calibration] %s cannot be removed: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
    }
}

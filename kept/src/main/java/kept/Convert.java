package kept;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import kept.checkpoint.Checkpoint;
import kept.io.CheckpointException;
import kept.io.DiskSpace;
import kept.io.ResumableDirectory;
import kept.mapping.Conversion;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.TensorException;
import kept.text.Counts;
import kept.weights.WeightValuesException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code kept convert}: maps an Orion checkpoint to a Llama checkpoint without training. */
@Command(name = "convert", description = {
    "Maps an Orion checkpoint to a Llama checkpoint without training.",
    "NPM copies what both architectures share, OPM makes each RMSNorm from its LayerNorm; to recover what that loses, use distill.",
    "The mapping exact loses nothing: a Llama with biases and one more layer, whose function is the Orion's.",
    "The mapping calibrated loses little and adds nothing: what reads a norm is corrected by what is measured on a text (--calibration).",
    "The result loads in transformers with trust_remote_code=False.",
    "Tensors pass one by one, so memory does not grow with the model. Ctrl-C keeps the finished weight files; --resume goes on from there, after a",
    "kill too, and the output has the same bytes."
})
public final class Convert extends Program {
    @Reads
    @Option(names = "--source", paramLabel = "DIR", required = true, description = "The Orion checkpoint: config.json, weights, tokenizer.")
    private Path source;

    @Option(names = "--plan", description = "Only tell what the mapping would take in time, memory and disk; config.json is enough for it.")
    private boolean plan;

    @Writes(Writes.Kind.DIRECTORY)
    @Option(names = "--output", paramLabel = "DIR", description = "The Llama checkpoint to make; appears whole or not at all.")
    private Path output;

    @Mixin
    private MappingOptions mapping;

    @Option(names = "--dtype", paramLabel = "TYPE", description = "Store as ${COMPLETION-CANDIDATES} (default: as the source).")
    private WeightType dtype;

    @Option(names = "--max-shard-size", paramLabel = "BYTES", defaultValue = "5GB", converter = ByteSize.class,
            description = "Largest weight file, such as 500MB or 5GB (default: ${DEFAULT-VALUE}).")
    private long largestShard = CheckpointWriter.DEFAULT_SHARD_BYTES;

    @Option(names = "--verify", description = "Read the output back and compare every tensor with its source, byte by byte.")
    private boolean verify;

    @Mixin
    private ResumeOptions resume;

    @Option(names = "--overwrite", description = "Replace an output directory, or an unfinished conversion, that exists.")
    private boolean overwrite;

    @Mixin
    private LlamaDirectory.TokenizerOptions tokenizer;

    @Mixin
    private DeviceOptions device;

    /** For the command line. */
    public Convert() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Convert(), arguments));
    }

    @Override
    boolean writes() {
        return !plan;
    }

    @Override
    void checkUsage() {
        if (output == null && !plan) {
            throw new ParameterException(spec().commandLine(), "Missing required option: '--output=DIR'");
        }
        mapping.requireUsage();
        if (!plan) {
            mapping.requireText();
        }
    }

    @Override
    int run() {
        DecoderConfig config = DecoderConfig.read(source);
        if (plan) {
            Path nowhere = MeasuredMapping.directoryOf(source);
            new MeasuredMapping(this, mapping, config, nowhere, resume).printPlan(device.open());
            return 0;
        }
        var measurement = new MeasuredMapping(this, mapping, config, MeasuredMapping.directoryOf(output), resume);
        Mapping table = measurement.table();
        DType target = dtype == null ? null : dtype.dtype();
        try (var checkpoint = Checkpoint.open(source);
                var interruption = new Interruption()) {
            CheckpointWeights.requireTensors(checkpoint, config);
            Remarks.tell(err(), source, checkpoint);
            // A run that ended while it measured has no weight files to go on with.
            boolean goesOn = resume.isWanted() && !(measurement.isBegun() && !Files.exists(ResumableDirectory.partial(output)));
            long verified = 0;
            try (var directory = ResumableDirectory.prepare(output, overwrite, goesOn, fingerprint(checkpoint, config), inputs())) {
                if (!directory.isInPlace()) {
                    Weights measured = measure(measurement, checkpoint, interruption);
                    verified = convert(new Conversion(table, checkpoint, measured, target, largestShard), table, directory, interruption);
                }
                directory.commit();
                measurement.discard();
            }
            if (verified > 0) {
                out().println("verified: %s, %s, all as in the source".formatted(
                    Counts.of(table.rows().size(), "tensor"), Counts.of(verified, "byte")));
            }
            out().println("source: " + checkpoint.description());
        }
        out().println("output: %s; %s mapped (%s), %d dropped".formatted(
                written(), Counts.of(table.rows().size(), "tensor"), table.name(), table.dropped().size()));
        if (table.target().mlpBias()) {
            out().println("%d layers, one more than the source, attention_bias and mlp_bias true: transformers, vLLM and llama.cpp honour both, "
                    .formatted(table.target().layers()) + "an SGLang version that we read ignores mlp_bias");
        }
        out().println(output);
        return 0;
    }

    /** What the output's weights are, in words. */
    private String written() {
        try (var weights = Checkpoint.open(output)) {
            String types = weights.names().stream().map(name -> weights.entry(name).dtype().label()).distinct().sorted()
                    .collect(Collectors.joining(" and "));
            return "%s, %s".formatted(weights.description(), types);
        }
    }

    private Weights measure(MeasuredMapping measurement, Checkpoint checkpoint, Interruption interruption) {
        if (!resume.isWanted() && measurement.isBegun()) {
            if (!overwrite) {
                throw new ProgramException("[calibration] %s holds an unfinished calibration; go on with --resume, or start over with --overwrite"
                        .formatted(MeasuredMapping.directoryOf(output)));
            }
            measurement.discard();
        }
        return measurement.measure(checkpoint, source, null, device.open(), interruption);
    }

    /** Writes all files and tells how many bytes of tensors were compared with their source. */
    private long convert(Conversion conversion, Mapping table, ResumableDirectory directory, Interruption interruption) {
        try {
            Path files = directory.directory();
            long missing = conversion.missingBytes(files);
            DiskSpace.require(files, output, missing);
            int found = directory.finishedFiles().size();
            long total = conversion.totalBytes();
            if (found > 0) {
                requireFinished(conversion, files, Math.max(0, total - missing), interruption);
                err().println("going on: %s finished before".formatted(Counts.of(found, "weight file")));
            }
            LlamaDirectory.writeCompanions(table.target(), dtype == null ? null : dtype.dtype(), source, files, tokenizer.read())
                .forEach(remark -> err().println("note: " + remark));
            watch("convert", total, Math.max(0, total - missing), interruption, progress -> conversion.write(files, progress));
            if (verify) {
                watch("verify", total, 0, interruption, progress -> conversion.verify(files, progress));
            }
            return verify ? total : 0;
        } catch (Interruption.Stopped e) {
            boolean nothing = directory.finishedFiles().isEmpty();
            err().println(nothing ? "stopped; no weight file was finished, so nothing is kept" : "stopped; " + kept(directory));
            err().flush();
            throw e;
        } catch (TensorException e) {
            if (directory.finishedFiles().isEmpty()) {
                throw e;
            }
            String next = e instanceof WeightValuesException
                    ? "then start over with --overwrite, which deletes the finished weight files in " + directory.partial()
                    : kept(directory);
            throw new ProgramException(e.getMessage() + "; " + next, e);
        }
    }

    /** What was finished before, compared with what the source gives now. */
    private void requireFinished(Conversion conversion, Path files, long bytes, Interruption interruption) {
        try {
            watch("compare", bytes, 0, interruption, progress -> conversion.verifyFinished(files, progress));
        } catch (CheckpointException e) {
            String where = e.tensor() == null ? e.file().toString() : "%s: tensor '%s' at byte %d".formatted(e.file(), e.tensor(), e.offset());
            throw new ProgramException("[resume] %s is not what the source gives: the file is damaged, or the source has changed since it was"
                    .formatted(where) + " written, or it was computed with vectors of another width; start over with --overwrite", e);
        }
    }

    private static String kept(ResumableDirectory directory) {
        return "the finished weight files are in %s; the same command with --resume goes on from there".formatted(directory.partial());
    }

    /** Does some work, shows how far it is, and ends it when the user wants that. */
    private void watch(String task, long total, long before, Interruption interruption, Consumer<LongConsumer> work) {
        try (var progress = new ByteProgress(task, total, before, err())) {
            work.accept(bytes -> {
                progress.add(bytes);
                if (interruption.isWanted()) {
                    throw new Interruption.Stopped();
                }
            });
        }
    }

    /** What shapes the output, so that a run that goes on makes the rest of the same; the source by what is in it, wherever it lies. */
    private SequencedMap<String, String> fingerprint(Checkpoint checkpoint, DecoderConfig config) {
        var print = new LinkedHashMap<String, String>();
        print.putAll(mapping.inWords(config));
        print.put("dtype", dtype == null ? "as the source" : dtype.toString());
        print.put("largest weight file", Long.toString(largestShard));
        print.put("the source's config", config.toString());
        checkpoint.names().forEach(name -> print.put("the source's tensor " + name, checkpoint.fingerprint(name)));
        return print;
    }
}

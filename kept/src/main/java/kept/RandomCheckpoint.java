package kept;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.AtomicFiles;
import kept.io.DiskSpace;
import kept.io.OutputDirectory;
import kept.model.DecoderConfig;
import kept.model.HostCopy;
import kept.model.ModelTensor;
import kept.model.RandomWeights;
import kept.tensor.Scope;
import kept.weights.TensorSpec;

/** Writes an Orion that nothing has been taught: random weights, one tensor in memory at a time, so that 14 billion need no more than the largest. */
final class RandomCheckpoint {
    private final Program program;
    private final DecoderConfig config;
    private final WeightFormat format;
    private final long largestFile;

    /**
     * Plans a checkpoint.
     *
     * @param program tells progress
     * @param config the sizes, and the dtype to store
     * @param format of the weight files
     * @param largestFile bytes of tensors in one file, at most
     */
    RandomCheckpoint(Program program, DecoderConfig config, WeightFormat format, long largestFile) {
        this.program = program;
        this.config = config;
        this.format = format;
        this.largestFile = largestFile;
    }

    /** Writes it; the tokenizer is copied from a directory, unless that is null, and inputs are not replaced. */
    void write(Path output, boolean overwrite, long seed, Path tokenizer, Path... inputs) {
        try (var directory = OutputDirectory.prepare(output, overwrite, inputs)) {
            Path files = directory.directory();
            List<TensorSpec> specs = ModelTensor.of(config).stream()
                    .map(tensor -> new TensorSpec(tensor.name(), config.dtype(), tensor.shape())).toList();
            long total = specs.stream().mapToLong(TensorSpec::byteSize).sum();
            DiskSpace.require(files, output, total);
            config.write(files);
            config.writeGenerationConfig(files, files);
            if (tokenizer != null) {
                TokenizerCopy.write(tokenizer, files);
            }
            writeWeights(files, specs, new RandomWeights(config, seed), total);
            Map<String, Object> provenance = new LinkedHashMap<>();
            provenance.put("command", program.commandLine());
            provenance.put("settings", Map.of("config", config.toString(), "weights", "random", "seed", Long.toString(seed)));
            AtomicFiles.writeJson(files.resolve("provenance.json"), provenance);
            directory.commit();
            program.out().println("%,d random parameters, %,d bytes (%s, %s)".formatted(
                    specs.stream().mapToLong(spec -> spec.shape().elementCount()).sum(), total, config.dtype().label(), format));
        }
    }

    private void writeWeights(Path files, List<TensorSpec> specs, RandomWeights weights, long total) {
        try (var progress = new ByteProgress("random weights", total, 0, program.err());
                var writer = format.create(files, specs, largestFile)) {
            for (TensorSpec spec : specs) {
                try (var _ = Scope.open()) {
                    HostCopy.with(weights.get(spec.name(), spec.shape()), spec.dtype(), bytes -> writer.write(spec.name(), bytes));
                }
                progress.add(spec.byteSize());
            }
            writer.finish();
        }
    }
}

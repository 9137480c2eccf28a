package kept.run;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.AtomicFiles;
import kept.io.DiskSpace;
import kept.io.OutputDirectory;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.HostCopy;
import kept.model.ModelTensor;
import kept.model.RandomWeights;
import kept.tensor.Scope;
import kept.tokenizer.TokenizerFiles;
import kept.weights.TensorSpec;

/**
 * Writes an untrained source of mappings: random weights, one tensor in memory at a time, so that 14 billion parameters need no more than the largest
 * tensor.
 */
public final class RandomCheckpoint {
    private final DecoderConfig config;
    private final WeightFormat format;
    private final long maxShardSize;
    private final String command;

    /**
     * Plans a checkpoint.
     *
     * @param config the sizes, and the dtype to store
     * @param format of the weight files
     * @param maxShardSize the maximum number of bytes of tensors in a file
     * @param command the command line, for provenance.json
     */
    public RandomCheckpoint(DecoderConfig config, WeightFormat format, long maxShardSize, String command) {
        this.config = config;
        this.format = format;
        this.maxShardSize = maxShardSize;
        this.command = command;
    }

    /**
     * Writes it.
     *
     * @param output the directory, which is created
     * @param overwrite whether one that exists is replaced
     * @param seed of the weights
     * @param tokenizer the directory of its tokenizer; null for none
     * @param progress receives the progress
     * @param inputs the paths that must not be replaced
     * @return what was written, in words
     */
    public String write(Path output, boolean overwrite, long seed, Path tokenizer, Progress progress, Path... inputs) {
        try (var directory = OutputDirectory.prepare(output, overwrite, inputs)) {
            Path files = directory.directory();
            List<TensorSpec> specs = ModelTensor.of(config).stream()
                    .map(tensor -> new TensorSpec(tensor.name(), config.dtype(), tensor.shape())).toList();
            long total = specs.stream().mapToLong(TensorSpec::byteSize).sum();
            DiskSpace.require(files, output, total);
            config.write(files);
            config.writeGenerationConfig(files, files);
            if (tokenizer != null) {
                TokenizerCopy.write(tokenizer, files, config.maxPositions(), TokenizerFiles.Options.NONE)
                        .forEach(note -> progress.note("note: " + note));
            }
            writeWeights(files, specs, new RandomWeights(config, seed), total, progress);
            Map<String, String> settings = new LinkedHashMap<>();
            SavedSettings.put(settings, "config", config);
            settings.put("weights", "random");
            settings.put("seed", Long.toString(seed));
            Map<String, Object> provenance = new LinkedHashMap<>();
            provenance.put("command", command);
            provenance.put("settings", settings);
            AtomicFiles.writeJson(files.resolve("provenance.json"), provenance);
            Architecture family = config.architecture();
            new ModelCard(family.label() + " with random weights", "A model of the architecture %s (`%s`) with random weights, to try programs with. "
                    .formatted(family.label(), family.className()) + "provenance.json has all settings.", family.modelType(), "kept")
                    .fact("seed", Long.toString(seed)).write(files, progress);
            directory.commit();
            return "%,d random parameters, %,d bytes (%s, %s)".formatted(
                    specs.stream().mapToLong(spec -> spec.shape().elementCount()).sum(), total, config.dtype().label(), format);
        }
    }

    private void writeWeights(Path files, List<TensorSpec> specs, RandomWeights weights, long total, Progress progress) {
        try (var work = Work.begin(progress, "random weights", Progress.Unit.BYTES, total, 0);
                var writer = format.create(files, specs, maxShardSize)) {
            long done = 0;
            for (TensorSpec spec : specs) {
                try (var _ = Scope.open()) {
                    HostCopy.with(weights.get(spec.name(), spec.shape()), spec.dtype(), bytes -> writer.write(spec.name(), bytes));
                }
                done += spec.byteSize();
                work.done(done);
            }
            writer.finish();
        }
    }
}

package kept.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.gguf.GgufExport;
import kept.gguf.GgufType;
import kept.io.OutputFile;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.HostCopy;
import kept.model.ModelTensor;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tokenizer.Vocabulary;
import kept.weights.TensorSpec;

/**
 * A model as a GGUF file in a temporary directory, by this library's own export, with a vocabulary of made-up words.
 *
 * @param directory the directory
 * @param file the file in it
 */
record GgufModel(Path directory, Path file) implements AutoCloseable {
    private static final String OPERATION = "bench";

    /**
     * Writes a model.
     *
     * @param model a Llama whose weights are BF16
     * @param type type of the matrices in the file
     * @return the file, which exists until it is closed
     */
    static GgufModel write(Decoder model, GgufType type) {
        try {
            Path directory = Files.createTempDirectory("kept-bench");
            var result = new GgufModel(directory, directory.resolve("model.gguf"));
            try {
                Path source = Files.createDirectory(directory.resolve("checkpoint"));
                writeCheckpoint(model, source);
                export(source, model.config(), type, result.file);
                return result;
            } catch (RuntimeException | IOException e) {
                result.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void writeCheckpoint(Decoder model, Path directory) {
        List<TensorSpec> specs = ModelTensor.of(model.config()).stream()
                .map(tensor -> new TensorSpec(tensor.name(), DType.BF16, tensor.shape())).toList();
        try (var writer = CheckpointWriter.create(directory, specs, CheckpointWriter.DEFAULT_SHARD_BYTES)) {
            for (TensorSpec spec : specs) {
                HostCopy.with(model.parameters().get(spec.name()).value(), spec.dtype(), values -> writer.write(spec.name(), values));
            }
            writer.finish();
        }
    }

    private static void export(Path source, DecoderConfig config, GgufType type, Path target) {
        List<Vocabulary.Token> words = IntStream.range(0, config.vocabSize())
                .mapToObj(id -> new Vocabulary.Token("word" + id, -id, Vocabulary.Kind.NORMAL)).toList();
        var vocabulary = new Vocabulary(words, OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), Optional.empty(),
                Optional.empty(), true, false, false, Optional.empty(), Optional.empty(), List.of());
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            GgufExport export = GgufExport.of(checkpoint, config, vocabulary, OPERATION, type);
            try (OutputFile file = OutputFile.prepare(OPERATION, target, export.byteSize(), false, List.of())) {
                export.write(file, _ -> { });
                file.commit();
            }
        }
    }

    @Override
    public void close() {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

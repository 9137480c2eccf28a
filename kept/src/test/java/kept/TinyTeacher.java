package kept;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.run.ModelWriter;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;

/** An Orion of random weights with the fixtures' tokenizer, and a text: enough for the programs to work on. */
public final class TinyTeacher {
    private TinyTeacher() {}

    /** Writes the checkpoint. */
    public static Path write(Path directory) {
        return write(directory, 0);
    }

    /** Writes one that has so many more embeddings than its tokenizer has tokens. */
    public static Path write(Path directory, int further) {
        return write(directory, further, 1);
    }

    /** Writes one that is four times as wide, so that rows of its matrices are whole blocks of 32. */
    static Path writeWide(Path directory) {
        return write(directory, 0, 4);
    }

    private static Path write(Path directory, int further, int times) {
        try (Tokenizer tokenizer = Tokenizer.load(Fixtures.path("tokenizer"))) {
            Files.createDirectories(directory);
            DecoderConfig config = DecoderConfig.builder(Architecture.ORION).vocabSize(tokenizer.vocabularySize() + further).hiddenSize(16 * times)
                    .intermediateSize(24 * times).layers(2).heads(2).keyValueHeads(2).headDimension(8 * times).maxPositions(64).dtype(DType.F32)
                    .initializerRange(0.2).bosTokenId(tokenizer.bos()).eosTokenIds(tokenizer.eos().stream().boxed().toList()).build();
            try (Decoder model = Decoder.create(config, new RandomWeights(config, 5), Device.cpu())) {
                ModelWriter.write(model, DType.F32, directory, CheckpointWriter.DEFAULT_SHARD_BYTES);
            }
            config.write(directory);
            Files.copy(Fixtures.path("tokenizer/tokenizer.model"), directory.resolve("tokenizer.model"));
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes a text of a few thousand tokens. */
    public static Path text(Path file) {
        var text = new StringBuilder();
        for (int i = 0; i < 150; i++) {
            text.append("Line ").append(i).append(" tells that ").append(i * i).append(" is the square of ").append(i).append(".\n");
        }
        try {
            return Files.writeString(file, text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

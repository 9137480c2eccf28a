package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.gguf.GgufType;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.tensor.DType;
import kept.tensor.Device;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The file that llama.cpp is measured with. */
class GgufModelTest {
    private static final DecoderConfig TINY = DecoderConfig.builder(Architecture.LLAMA).vocabSize(64).hiddenSize(32).intermediateSize(96).layers(2)
            .heads(2).keyValueHeads(2).headDimension(16).maxPositions(16).dtype(DType.BF16).build();
    /** Of the matrices: embedding and head, 4 of attention and 3 of SwiGLU in each layer. */
    private static final int ELEMENTS = 2 * 64 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 96);
    /** Norms are f32 in every file. */
    private static final int NORM_BYTES = 5 * 32 * 4;

    @ParameterizedTest
    @CsvSource({"BF16, 64", "Q8_0, 34"})
    void itHasTheWeightsInTheirTypeAndIsDeletedWithTheCheckpointItIsMadeOf(GgufType type, int bytesOf32) throws IOException {
        var random = new RandomWeights(TINY, 1);
        Path directory;
        try (Decoder model = Decoder.create(TINY, (name, shape) -> random.get(name, shape).cast(DType.BF16), Device.cpu());
                GgufModel file = GgufModel.write(model, type)) {
            directory = file.directory();
            byte[] bytes = Files.readAllBytes(file.file());
            assertThat(new String(bytes, 0, 4, StandardCharsets.US_ASCII)).isEqualTo("GGUF");
            // The header, with the vocabulary, takes a few thousand bytes.
            assertThat(bytes.length - ELEMENTS / 32 * bytesOf32 - NORM_BYTES).isBetween(1000, 5000);
        }
        assertThat(directory).doesNotExist();
    }
}

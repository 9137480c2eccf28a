package kept.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import kept.MemoryPeak;
import kept.autograd.Autograd;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Long texts are read piece by piece: in the same bits, and in memory that grows with their length, not with its square. */
class LongTextTest {
    private static final int POSITIONS = 200_000;

    static List<DecoderConfig> configs() {
        return List.of(
                config(Architecture.ORION).build(),
                config(Architecture.LLAMA).keyValueHeads(1).ropeTheta(10_000).ropeScaling(new RopeScaling.DynamicNtk(4, 512)).build());
    }

    @ParameterizedTest
    @MethodSource("configs")
    void readInPiecesATextHasTheBitsOfTheWhole(DecoderConfig config) {
        int length = 1501;
        try (Decoder model = model(config); var cache = new KeyValueCache(config, 2, length, Device.cpu()); var _ = Scope.open()) {
            Tensor ids = ids(2, length);
            float[] whole = Autograd.withoutRecording(() -> model.hidden(ids)).slice(1, 700, length).toFloatArray();
            assertThat(model.prefill(ids, cache, 700, 256).toFloatArray()).isEqualTo(whole);
            assertThat(cache.length()).isEqualTo(length);
            cache.truncate(400);
            Tensor rest = ids.slice(1, 400, length).contiguous();
            assertThat(model.prefill(rest, cache, 300, 100).toFloatArray()).as("after what is in the cache").isEqualTo(whole);
        }
    }

    @Test
    void theNextTokensLogitsAreThoseOfTheWholeText() {
        DecoderConfig config = config(Architecture.ORION).build();
        int length = 9001;
        try (Decoder model = model(config); var cache = new KeyValueCache(config, 1, length, Device.cpu()); var _ = Scope.open()) {
            float[] pieces = model.nextLogits(ids(1, length), cache).toFloatArray();
            Tensor hidden = Autograd.withoutRecording(() -> model.hidden(ids(1, length)));
            assertThat(pieces).isEqualTo(hidden.select(1, length - 1).linear(model.headWeight()).toFloatArray());
        }
    }

    /** A recorded pass, which computes the MLP of all rows at once, is the reference. */
    @Test
    void withoutGradientsHiddenStatesHaveTheSameBits() {
        DecoderConfig config = config(Architecture.LLAMA).mlpBias(true).build();
        try (Decoder model = model(config); var _ = Scope.open()) {
            model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            Tensor ids = ids(3, 3001);
            float[] pieces = Autograd.withoutRecording(() -> model.hidden(ids)).toFloatArray();
            Tensor recorded = model.hidden(ids);
            assertThat(recorded.requiresGradient()).isTrue();
            assertThat(pieces).isEqualTo(recorded.detach().toFloatArray());
        }
    }

    @Test
    void memoryGrowsWithTheTokensAndNotWithTheirSquare() {
        DecoderConfig config = config(Architecture.ORION).build();
        try (Decoder model = warm(config)) {
            long half = forwardPeak(model, 5_000);
            long whole = forwardPeak(model, 10_000);
            assertThat(whole).as("%d bytes for half as many tokens", half).isBetween(half * 3 / 2, half * 9 / 4);
        }
    }

    /** Seven streams: the residual one, its norm, queries, keys, values, a rotated one and what was read. Scores would be 268 MB a head. */
    @Test
    void aTokenTakesAFewStreamsAndThoseOfAnMlpForAPieceOnly() {
        DecoderConfig config = config(Architecture.ORION).intermediateSize(1024).build();
        try (Decoder model = warm(config)) {
            int length = 8192;
            long stream = 4L * config.hiddenSize() * length;
            long mlpOfPiece = 4L * 4096 * (3 * 1024 + 3 * config.hiddenSize());
            assertThat(forwardPeak(model, length)).isLessThan((8 * stream + mlpOfPiece) * 9 / 8);
        }
    }

    @Test
    void besidesTheCacheAPieceIsAllThatReadingTakes() {
        DecoderConfig config = config(Architecture.ORION).build();
        try (Decoder model = warm(config)) {
            long half = readPeak(model, 6_000);
            long whole = readPeak(model, 12_000);
            long ids = 4L * 6_000;
            assertThat(whole).isLessThan(half + 2 * ids + half / 8);
        }
    }

    private static long forwardPeak(Decoder model, int length) {
        return MemoryPeak.of(model.device(), () -> Autograd.withoutRecording(() -> model.hidden(ids(1, length))));
    }

    private static long readPeak(Decoder model, int length) {
        try (var cache = new KeyValueCache(model.config(), 1, length, model.device())) {
            try (var _ = Scope.open()) {
                model.prefill(ids(1, 1), cache, 0); // The cache's memory is taken by the first token.
            }
            cache.truncate(0);
            return MemoryPeak.of(model.device(), () -> model.prefill(ids(1, length), cache, length - 1, 1000));
        }
    }

    private static Tensor ids(int batch, int length) {
        return Tensor.of(IntStream.range(0, batch * length).map(i -> (int) ((long) i * i % 97)).toArray(), batch, length);
    }

    private static Decoder model(DecoderConfig config) {
        return Decoder.create(config, new RandomWeights(config, 3), Device.cpu());
    }

    /** A model whose table of angles is made already. */
    private static Decoder warm(DecoderConfig config) {
        Decoder model = model(config);
        try (var _ = Scope.open()) {
            Autograd.withoutRecording(() -> model.hidden(ids(1, 12_000)));
        }
        return model;
    }

    private static DecoderConfigBuilder config(Architecture architecture) {
        return DecoderConfig.builder(architecture).vocabSize(97).hiddenSize(32).intermediateSize(80).layers(2).heads(2).keyValueHeads(2)
                .headDimension(16).maxPositions(POSITIONS).ropeTheta(5e7).dtype(DType.F32).initializerRange(0.3);
    }
}

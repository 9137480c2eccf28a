package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.backend.BlockMatrix;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Models whose matrices are quantised as they are loaded. */
class QuantizedWeightsTest {
    private static final int VOCABULARY = 61;
    private static final String HEAD = "lm_head.weight";
    private static final String EMBEDDING = "model.embed_tokens.weight";

    private static DecoderConfigBuilder config(Architecture architecture, int hidden) {
        return DecoderConfig.builder(architecture).vocabSize(VOCABULARY).hiddenSize(hidden).intermediateSize(hidden * 3 / 2).layers(2).heads(4)
                .keyValueHeads(architecture == Architecture.ORION ? 4 : 2).headDimension(hidden / 4).maxPositions(96).dtype(DType.BF16)
                .initializerRange(0.3);
    }

    /** The same numbers in F32, not in blocks. */
    private static Weights widened(Weights source) {
        return (name, shape) -> {
            Tensor value = source.get(name, shape);
            return value.rank() == 1 || name.equals(EMBEDDING) ? value : BlockMatrix.quantize(value).orElseThrow().widen();
        };
    }

    private static float[] logits(Decoder model, int... ids) {
        try (var _ = Scope.open()) {
            return model.logits(Tensor.of(ids, 1, ids.length)).toFloatArray();
        }
    }

    private static int[] ids(int count) {
        return IntStream.range(0, count).map(i -> i * 7 % VOCABULARY).toArray();
    }

    private static void assertClose(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        float largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(actual[i] - expected[i])).as("logit %d", i).isLessThanOrEqualTo(largest * 2e-5f);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aModelComputesWithTheNumbersOfItsBlocks(Architecture architecture) {
        DecoderConfig config = config(architecture, 64).tieWordEmbeddings(false).build();
        Weights random = new RandomWeights(config, 5, DType.BF16);
        try (Decoder model = Decoder.create(config, new QuantizedWeights(random), Device.cpu());
                Decoder wide = Decoder.create(config, widened(random), Device.cpu())) {
            for (int count : new int[] {1, 3, 40}) {
                assertClose(logits(model, ids(count)), logits(wide, ids(count)));
            }
            assertThat(model.parameters().keySet()).allMatch(name -> name.equals(EMBEDDING) || name.contains("norm") || name.endsWith(".bias"));
            assertThat(model.projections().values()).allMatch(projection -> projection.blocks().isPresent());
            assertThatThrownBy(model::headWeight).isInstanceOf(TensorException.class).hasMessageContaining("load the model with its stored weights");
        }
    }

    @Test
    void aTiedHeadHasTheBlocksOfTheEmbeddingWhichStays() {
        DecoderConfig tied = config(Architecture.LLAMA, 64).tieWordEmbeddings(true).build();
        Weights random = new RandomWeights(tied, 5, DType.BF16);
        Weights untied = (name, shape) -> random.get(name.equals(HEAD) ? EMBEDDING : name, shape);
        try (Decoder model = Decoder.create(tied, new QuantizedWeights(random), Device.cpu());
                Decoder other = Decoder.create(config(Architecture.LLAMA, 64).build(), new QuantizedWeights(untied), Device.cpu())) {
            assertThat(logits(model, ids(9))).isEqualTo(logits(other, ids(9)));
            try (var _ = Scope.open()) {
                assertThat(model.parameters().get(EMBEDDING).value().toFloatArray())
                        .isEqualTo(random.get(EMBEDDING, Shape.of(VOCABULARY, 64)).toFloatArray());
            }
        }
    }

    /** Up to four sequences; each token's logits are close to those of the whole text at once. */
    @Test
    void decodedTokensHaveTheLogitsOfTheWholeTextAndTheBitsOfEachAlone() {
        DecoderConfig config = config(Architecture.LLAMA, 64).build();
        int[] ids = ids(20);
        try (Decoder model = Decoder.create(config, new QuantizedWeights(new RandomWeights(config, 5, DType.BF16)), Device.cpu())) {
            float[] whole = logits(model, ids);
            float[] last = Arrays.copyOfRange(whole, whole.length - VOCABULARY, whole.length);
            float[] alone = next(model, 1, ids);
            float[] together = next(model, 4, ids);
            assertClose(alone, last);
            for (int i = 0; i < 4; i++) {
                assertThat(Arrays.copyOfRange(together, i * VOCABULARY, (i + 1) * VOCABULARY)).isEqualTo(alone);
            }
        }
    }

    private static float[] next(Decoder model, int sequences, int... ids) {
        List<KeyValueCache> caches = IntStream.range(0, sequences)
                .mapToObj(_ -> new KeyValueCache(model.config(), 1, ids.length, model.device())).toList();
        try (var _ = Scope.open()) {
            return Autograd.withoutRecording(() -> {
                Tensor prompt = Tensor.of(Arrays.copyOf(ids, ids.length - 1), 1, ids.length - 1);
                caches.forEach(cache -> model.nextLogits(prompt, cache));
                int[] last = new int[sequences];
                Arrays.fill(last, ids[ids.length - 1]);
                return model.nextLogits(last, caches).toFloatArray();
            });
        } finally {
            caches.forEach(KeyValueCache::close);
        }
    }

    /** 17 bytes for 16 elements; while the model is loaded, one matrix is there in BF16 besides, and some rows of it in F32. */
    @Test
    void memoryHoldsNoOtherStoredMatrixThanTheOneBeingQuantised() {
        DecoderConfig config = config(Architecture.LLAMA, 256).layers(4).build();
        long matrices = 4 * (256L * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 384) + VOCABULARY * 256;
        long rest = VOCABULARY * 256L + 9 * 256;
        var before = Device.cpu().backend().memoryUsage();
        Device.cpu().backend().resetPeakMemory();
        Weights zeros = (name, shape) -> Tensor.full(0.5, DType.BF16, shape);
        try (Decoder model = Decoder.create(config, new QuantizedWeights(zeros), Device.cpu())) {
            var after = model.device().backend().memoryUsage();
            assertThat(after.inUse() - before.inUse()).isBetween(matrices * 17 / 16 + rest * 2, (matrices * 17 / 16 + rest * 2) * 11 / 10);
            assertThat(after.peakInUse() - after.inUse()).isLessThanOrEqualTo(256 * 384 * (2 + 4));
        }
    }

    @Test
    void matricesWhoseRowsAreNotWholeBlocksStayAsTheyAre() {
        DecoderConfig config = config(Architecture.LLAMA, 48).build();
        var weights = new QuantizedWeights(new RandomWeights(config, 5));
        try (Decoder model = Decoder.create(config, weights, Device.cpu());
                Decoder stored = Decoder.create(config, new RandomWeights(config, 5), Device.cpu())) {
            assertThat(weights.unquantized()).isEqualTo(15);
            assertThat(logits(model, ids(9))).isEqualTo(logits(stored, ids(9)));
        }
    }

    @Test
    void anElementTooLargeForAScaleIsAnErrorThatNamesItsMatrix() {
        DecoderConfig config = config(Architecture.LLAMA, 64).build();
        Weights large = (name, shape) -> Tensor.full(name.contains("layers.1.mlp.up_proj") ? 1e7 : 1, DType.BF16, shape);
        assertThatThrownBy(() -> Decoder.create(config, new QuantizedWeights(large), Device.cpu())).isInstanceOf(TensorException.class)
                .hasMessageStartingWith("[q8] model.layers.1.mlp.up_proj.weight has an element above 8.3 million")
                .hasMessageEndingWith("use stored weights");
    }
}

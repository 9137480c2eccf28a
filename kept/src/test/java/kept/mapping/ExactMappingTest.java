package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import kept.Fixtures;
import kept.autograd.Autograd;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.DecoderConfigBuilder;
import kept.model.Weights;
import kept.nn.Activation;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A random Orion with large biases and means, and the Llama that the exact mapping makes of it. */
class ExactMappingTest {
    private static final int TOKENS = 64;

    @ParameterizedTest
    @CsvSource({"64, 96, 4, false", "64, 64, 2, true", "96, 112, 1, false"})
    void aRandomTeacherWithLargeBiasesIsKept(int width, int intermediate, int keyValueHeads, boolean tied) {
        DecoderConfig config = DecoderConfig.builder(Architecture.ORION).vocabSize(200).hiddenSize(width).intermediateSize(intermediate).layers(3)
                .heads(4).keyValueHeads(keyValueHeads).maxPositions(TOKENS).tieWordEmbeddings(tied).build();
        assertThat(divergence(config, Mapping.exact(config), DType.F32)).as("exact").isLessThan(1e-9);
        assertThat(divergence(config, Mapping.exact(config), DType.BF16)).as("exact in bf16").isLessThan(1e-3);
        if (!tied) {
            assertThat(divergence(config, Mapping.opm(config), DType.F32)).as("what there is to keep").isGreaterThan(0.05);
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"ORION", "LLAMA"})
    void everySourceIsKept(Architecture architecture) {
        DecoderConfigBuilder builder = DecoderConfig.builder(architecture).vocabSize(200).hiddenSize(64).intermediateSize(96).layers(3).heads(4)
                .keyValueHeads(2).maxPositions(TOKENS).bosTokenId(OptionalInt.empty()).eosTokenIds(List.of()).padTokenId(OptionalInt.empty());
        for (boolean tied : new boolean[] {false, true}) {
            DecoderConfigBuilder rotated = switch (architecture) {
                case STABLELM -> builder.rotaryDimension(4);
                case NEMOTRON -> builder.rotaryDimension(8);
                default -> builder;
            };
            DecoderConfig plain = rotated.tieWordEmbeddings(tied).build();
            DecoderConfig biased = switch (architecture) {
                case OLMO -> plain.toBuilder().attentionBias(true).build();
                case STABLELM -> plain.toBuilder().attentionBias(true).attentionOutputBias(false).activation(Activation.GELU).build();
                case NEMOTRON -> plain.toBuilder().attentionBias(true).mlpBias(true).build();
                default -> plain.toBuilder().attentionBias(false).mlpBias(false).activation(Activation.GELU).build();
            };
            for (DecoderConfig config : List.of(plain, biased)) {
                assertThat(divergence(config, Mapping.exact(config), DType.F32)).as(config.toString()).isLessThan(1e-9);
                Mapping.opm(config).requireComplete();
                assertThat(Mapping.exact(config).target().layers()).isEqualTo(architecture == Architecture.OLMO ? 3 : 4);
            }
        }
    }

    @Test
    void aSourceWithoutBiasesInItsNormsBecomesAPlainLlama() {
        DecoderConfig olmo = DecoderConfig.builder(Architecture.OLMO).vocabSize(200).hiddenSize(64).intermediateSize(32).layers(2).heads(4)
                .eosTokenIds(List.of(3)).tieWordEmbeddings(true).build();
        DecoderConfig llama = Mapping.exact(olmo).target();
        assertThat(llama).isEqualTo(DecoderConfig.builder(Architecture.LLAMA).vocabSize(200).hiddenSize(64).intermediateSize(32).layers(2).heads(4)
                .normEps(1e-5).bosTokenId(OptionalInt.empty()).eosTokenIds(List.of(3)).padTokenId(OptionalInt.of(1)).tieWordEmbeddings(true).build());
    }

    /** A model whose last stream has a root mean square in the hundreds, for which the usual factor of the stream is too large. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"OLMO", "LLAMA"})
    void aSourceWithALargeStreamIsKept(Architecture architecture) {
        DecoderConfig config = random(architecture, 256);
        Mapping usual = Mapping.exact(config);
        Mapping fitted = usual.forWeights(ofSize(0.2, 0.1), DType.F16);
        assertThat(fitted.target().normEps()).isEqualTo(usual.target().normEps() * 0x1p-6);
        assertThat(divergence(config, fitted, ofSize(0.2, 0.1), DType.F32)).isLessThan(1e-9)
                .isLessThan(divergence(config, usual, ofSize(0.2, 0.1), DType.F32) / 2);
        assertThat(divergence(config, fitted, ofSize(0.2, 0.1), DType.F16)).as("in f16").isLessThan(1e-3);
    }

    /** An untrained model, whose stream is so small that LayerNorm's eps is seen beside it. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"OLMO", "LLAMA"})
    void aSourceWithASmallStreamIsKept(Architecture architecture) {
        DecoderConfig config = random(architecture, 64);
        Mapping usual = Mapping.exact(config);
        Mapping fitted = usual.forWeights(ofSize(0.02, 0.02), DType.F32);
        assertThat(divergence(config, fitted, ofSize(0.02, 0.02), DType.F32)).isLessThan(1e-9)
                .isLessThan(divergence(config, usual, ofSize(0.02, 0.02), DType.F32) / 1000);
    }

    private static DecoderConfig random(Architecture architecture, int width) {
        DecoderConfig config = DecoderConfig.builder(architecture).vocabSize(200).hiddenSize(width).intermediateSize(2 * width).layers(3).heads(4)
                .keyValueHeads(2).maxPositions(TOKENS).bosTokenId(OptionalInt.empty()).eosTokenIds(List.of()).padTokenId(OptionalInt.empty())
                .tieWordEmbeddings(false).build();
        return config.toBuilder().attentionBias(false).attentionOutputBias(false).mlpBias(false).build();
    }

    /** Random weights with the given root mean squares of matrices; norms as of {@link #weight}. */
    private static Weights ofSize(double matrices, double head) {
        return (name, shape) -> {
            Tensor weight = weight(name, shape);
            double size = name.startsWith("lm_head") ? head : matrices;
            return shape.rank() == 2 ? weight.mul(size / Math.sqrt(weight.square().mean().item())) : weight;
        };
    }

    @Test
    void theStreamsFactorSuitsTheSmallestOfTheScaledMatrices() {
        DecoderConfig config = DecoderConfig.builder(Architecture.STABLELM).vocabSize(1000).hiddenSize(64).intermediateSize(64).layers(2).heads(4)
                .build();
        double usual = ExactConstants.usual(config).scale();
        for (double[] sizes : new double[][] {{0.02, 0.02, 1}, {0.03, 0.03, 1}, {0.04, 0.04, 2}, {0.2, 0.2, 8}, {0.2, 0.04, 2}, {0.04, 0.2, 2},
            {0.001, 0.2, 1}, {0, 0.2, 8}, {0, 0, 1}, {1e30, 1e30, 0x1p24}}) {
            Weights weights = (name, shape) -> Tensor.full(
                    name.contains("embed") ? sizes[0] : name.contains("o_proj") || name.contains("down") ? sizes[1] : 0, DType.F32, shape);
            assertThat(ExactConstants.of(config, weights, DType.F16).scale()).as(Arrays.toString(sizes)).isEqualTo(usual / sizes[2]);
        }
        Weights lateRows = (name, shape) -> shape.rank() == 1 ? Tensor.zeros(shape.size(0)) : Tensor.concat(0,
                Tensor.zeros(shape.size(0) / 2, shape.size(1)), Tensor.full(0.2, DType.F32, Shape.of(shape.size(0) / 2, shape.size(1))));
        assertThat(ExactConstants.of(config, lateRows, DType.F16).scale()).as("rows of all parts are seen").isEqualTo(usual / 8);
    }

    /** One layer of many whose MLP writes a large part of the stream, as in models with massive activations. */
    @ParameterizedTest
    @CsvSource({"3, 12", "7, 12", "1, 3", "33, 80"})
    void aLayerInTheMiddleIsSeenInTheStream(int first, int layers) {
        DecoderConfig config = random(Architecture.STABLELM, 64).toBuilder().layers(layers).build();
        Weights weights = (name, shape) -> Tensor.full(name.matches("model\\.layers\\.(%d|%d)\\.mlp.*".formatted(first, first + 1)) ? 0.5 : 0.01,
                DType.F32, shape);
        assertThat(ExactConstants.of(config, weights, DType.F32).scale()).isLessThanOrEqualTo(ExactConstants.usual(config).scale() / 2);
        assertThat(ExactConstants.of(config, weights, DType.F16)).as("f16 holds no smaller weights").isEqualTo(ExactConstants.usual(config));
    }

    /** By the embedding alone, eps / (2 r^2) is 1.25 % for r = 0.02, which s = 1/8 would leave; matrices and biases of usual models hide it. */
    @Test
    void theCarriedConstantIsLargerWhereTheFinalNormsEpsIsSeen() {
        DecoderConfig config = random(Architecture.STABLELM, 64);
        for (double[] sizes : new double[][] {{0.02, 0, 64}, {0.1, 0, 16}, {0.5, 0, 4}, {1, 0, 0.125}, {0, 0, 256}, {1e-9, 0, 256},
            {0.02, 0.2, 0.125}}) {
            Weights weights = (name, shape) -> Tensor.full(name.contains("embed") ? sizes[0] : sizes[1], DType.F32, shape);
            assertThat(ExactConstants.of(config, weights, DType.F32).shift()).as(Arrays.toString(sizes)).isEqualTo(sizes[2]);
            assertThat(ExactConstants.of(config, weights, DType.BF16).shift()).as("bf16 would lose more by it").isEqualTo(0.125);
        }
        DecoderConfig biased = DecoderConfig.builder(Architecture.STARCODER2).vocabSize(100).hiddenSize(64).intermediateSize(64).layers(2).heads(4)
                .build();
        Weights biases = (name, shape) -> Tensor.full(name.endsWith("c_proj.bias") ? 1 : 0.001, DType.F32, shape);
        assertThat(ExactConstants.of(biased, biases, DType.F32).shift()).isEqualTo(0.125);
    }

    @Test
    void everyTensorOfSourceAndTargetIsAccountedForOnce() {
        DecoderConfig config = DecoderConfig.read(Fixtures.path("orion-bf16-sharded"));
        Mapping mapping = Mapping.named("exact", config);
        mapping.requireComplete();
        assertThat(mapping.target().layers()).isEqualTo(config.layers() + 1);
        assertThat(mapping.rows()).hasSize(16 * (config.layers() + 1) + 3);
        assertThat(mapping.dropped()).isEmpty();
    }

    @Test
    void theAddedLayerIsExactInEachTypeAndFitsF16() {
        for (int width : new int[] {16, 256, 4096, 5120, 16384}) {
            double shift = ExactConstants.usual(random(Architecture.ORION, 64)).shift();
            double carrier = ExactMapping.carrier(width, shift);
            assertThat(carrier * (Math.sqrt(width) + shift)).as("largest element of the stream").isLessThan(65504);
            double gate = ExactMapping.GATE_INPUT;
            for (double constant : new double[] {carrier, carrier / gate, carrier * shift, gate}) {
                assertThat(Math.scalb(1.0, Math.getExponent(constant))).as("a power of two").isEqualTo(constant).isBetween(0x1p-14, 0x1p15);
            }
            assertThat(ExactMapping.carrier(width, 256) * (Math.sqrt(width) + 256)).as("with the largest shift").isLessThan(65504);
        }
        try (var _ = Scope.open()) {
            for (Activation activation : Activation.values()) {
                double expected = activation == Activation.RELU_SQUARED ? ExactMapping.GATE_INPUT * ExactMapping.GATE_INPUT : ExactMapping.GATE_INPUT;
                assertThat(activation.apply(Tensor.full(ExactMapping.GATE_INPUT, DType.F32, Shape.of(1))).item()).as(activation.name())
                        .isEqualTo((float) expected);
            }
            assertThat(new ScaledIdentity("", 3).apply(List.of(), Shape.of(2, 3)).toFloatArray()).containsExactly(3, 0, 0, 0, 3, 0);
            assertThat(new ScaledIdentity("", 3).apply(List.of(), Shape.of(3, 2)).toFloatArray()).containsExactly(3, 0, 0, 3, 0, 0);
        }
    }

    @Test
    void aBiasIsWhatTheProjectionMakesOfTheNorms() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
            Tensor bias = Tensor.of(new float[] {1, -1, 0.5f}, 3);
            assertThat(new ProjectedBias().apply(List.of(weight, bias), Shape.of(2)).toFloatArray()).containsExactly(0.5f, 2);
        }
    }

    @Test
    void whatCannotBeMappedIsSaidClearly() {
        DecoderConfig llama = DecoderConfig.read(Fixtures.path("llama-biases"));
        assertThatThrownBy(() -> Mapping.exact(llama)).isInstanceOf(MappingException.class)
                .hasMessageContaining("is a LlamaForCausalLM already: nothing to map");
        DecoderConfig narrow = DecoderConfig.builder(Architecture.ORION).vocabSize(20).hiddenSize(64).intermediateSize(63).layers(1).heads(4)
                .keyValueHeads(4).build();
        assertThatThrownBy(() -> Mapping.exact(narrow)).isInstanceOf(MappingException.class)
                .hasMessageContainingAll("intermediate_size 63", "hidden_size 64", "--mapping opm");
    }

    /** KL(teacher || mapped) in nats per token. */
    private static double divergence(DecoderConfig config, Mapping mapping, DType dtype) {
        return divergence(config, mapping, ExactMappingTest::weight, dtype);
    }

    private static double divergence(DecoderConfig config, Mapping mapping, Weights source, DType dtype) {
        mapping.requireComplete();
        Weights target = new MappedWeights(mapping, source, dtype);
        try (Decoder teacher = Decoder.create(config, source, Device.cpu());
                Decoder student = Decoder.create(mapping.target(), target, Device.cpu());
                var _ = Scope.open()) {
            int[] ids = new int[TOKENS];
            for (int i = 0; i < TOKENS; i++) {
                ids[i] = i * 37 % config.vocabSize();
            }
            Tensor text = Tensor.of(ids, 1, TOKENS);
            return Autograd.withoutRecording(() ->
                    divergence(teacher.logits(text).toFloatArray(), student.logits(text).toFloatArray(), config.vocabSize()));
        }
    }

    private static double divergence(float[] teacher, float[] student, int vocabulary) {
        double sum = 0;
        for (int start = 0; start < teacher.length; start += vocabulary) {
            double p = logSum(teacher, start, vocabulary);
            double q = logSum(student, start, vocabulary);
            for (int i = start; i < start + vocabulary; i++) {
                sum += Math.exp(teacher[i] - p) * (teacher[i] - p - student[i] + q);
            }
        }
        return sum / (teacher.length / vocabulary);
    }

    private static double logSum(float[] logits, int start, int count) {
        double sum = 0;
        for (int i = start; i < start + count; i++) {
            sum += Math.exp(logits[i]);
        }
        return Math.log(sum);
    }

    /** Biases of 0.3, weights of norms about 1, embeddings and writers to the stream of means far from 0. */
    private static Tensor weight(String name, Shape shape) {
        Tensor normal = Tensor.normal(7, name.hashCode(), shape.toArray());
        if (name.endsWith(".bias")) {
            return normal.mul(0.3);
        }
        if (name.contains("norm.")) {
            return normal.mul(0.2).add(1);
        }
        boolean head = name.startsWith("lm_head");
        return normal.mul(head ? 0.3 : 0.1).add(head ? 0 : 0.05);
    }
}

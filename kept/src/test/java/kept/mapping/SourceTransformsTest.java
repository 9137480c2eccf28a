package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.HeadPadding;
import kept.model.PartialRotation;
import kept.nn.RopeScaling;
import kept.nn.RotaryEmbedding;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** What the modules of sources other than Orion become. */
class SourceTransformsTest {
    private static final DecoderConfig STABLELM = DecoderConfig.builder(Architecture.STABLELM).vocabSize(40).hiddenSize(32).intermediateSize(48)
            .layers(1).heads(2).headDimension(16).rotaryDimension(4).ropeTheta(500).maxPositions(64).build();

    @Test
    void featuresAreWhereALlamaRotatesThemTogether() {
        assertThat(new PartialRotation(8, 4).order()).containsExactly(0, 1, 4, 5, 2, 3, 6, 7);
        assertThat(new PartialRotation(8, 8).order()).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(new PartialRotation(12, 6).order()).containsExactly(0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11);
        assertThat(new PartialRotation(4, 2).isWhole()).isFalse();
    }

    @Test
    void anglesOfTheLlamaAreThoseOfTheSourceAndZeroForTheRest() {
        for (RopeScaling scaling : List.of(new RopeScaling.None(), new RopeScaling.Linear(2.5))) {
            DecoderConfig source = STABLELM.toBuilder().ropeScaling(scaling).build();
            DecoderConfig llama = source.toLlama();
            assertThat(llama.rotaryDimension()).isEqualTo(16);
            try (var _ = Scope.open();
                    var own = new RotaryEmbedding(4, source.ropeTheta(), source.ropeScaling(), 64);
                    var its = new RotaryEmbedding(16, llama.ropeTheta(), llama.ropeScaling(), 64)) {
                Tensor sines = its.angles(0, 64).sin();
                assertThat(sines.slice(1, 0, 2).toFloatArray()).containsExactly(own.angles(0, 64).sin().toFloatArray(), Offset.offset(1e-6f));
                assertThat(sines.slice(1, 2, 8).abs().max().item()).isLessThan(1e-16f);
                assertThat(its.angles(0, 64).cos().slice(1, 2, 8).min().item()).isEqualTo(1);
            }
        }
        DecoderConfig yarn = STABLELM.toBuilder().ropeScaling(new RopeScaling.Yarn(4, 64, 32, 1, 1.1, true)).build();
        assertThatThrownBy(yarn::toLlama).isInstanceOf(TensorException.class)
                .hasMessageContainingAll("4 of a head's 16 features", "yarn");
    }

    @Test
    void rowsOfEachHeadGetTheOrder() {
        try (var _ = Scope.open()) {
            var order = new HeadOrder(Transform.COPY, new PartialRotation(4, 2));
            Tensor rows = Tensor.of(new float[] {0, 1, 2, 3, 4, 5, 6, 7}, 8);
            assertThat(order.apply(List.of(rows), Shape.of(8)).toFloatArray()).containsExactly(0, 2, 1, 3, 4, 6, 5, 7);
            Tensor matrix = Tensor.of(new float[] {0, 10, 1, 11, 2, 12, 3, 13}, 4, 2);
            assertThat(order.apply(List.of(matrix), Shape.of(4, 2)).toFloatArray()).containsExactly(0, 10, 2, 12, 1, 11, 3, 13);
        }
    }

    @Test
    void headsAreAddedToEachGroupUntilTheHiddenSizeIsAMultiple() {
        DecoderConfig source = DecoderConfig.builder(Architecture.NEMOTRON).vocabSize(40).hiddenSize(16).intermediateSize(16).layers(1).heads(6)
                .keyValueHeads(2).headDimension(2).rotaryDimension(2).build();
        HeadPadding padding = HeadPadding.of(source);
        assertThat(padding).isEqualTo(new HeadPadding(2, 3, 4));
        assertThat(source.toLlama().heads()).isEqualTo(8);
        assertThat(source.toLlama().headDimension()).isEqualTo(2);
        assertThat(HeadPadding.of(STABLELM).isNeeded()).isFalse();
        try (var _ = Scope.open()) {
            Tensor bias = Tensor.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 12);
            assertThat(new PaddedHeads(Transform.COPY, padding, 0).apply(List.of(bias), Shape.of(16)).toFloatArray())
                    .containsExactly(1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0);
            Tensor output = Tensor.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32}, 2, 12);
            assertThat(new PaddedHeads(new CentredOutputs(1), padding, 1).apply(List.of(output), Shape.of(2, 16)).toFloatArray()).containsExactly(
                    -10, -10, -10, -10, -10, -10, 0, 0, -10, -10, -10, -10, -10, -10, 0, 0,
                    10, 10, 10, 10, 10, 10, 0, 0, 10, 10, 10, 10, 10, 10, 0, 0);
        }
        DecoderConfig prime = source.toBuilder().hiddenSize(17).build();
        assertThatThrownBy(prime::toLlama).isInstanceOf(TensorException.class).hasMessageContaining("hidden_size 17 is no multiple");
    }

    @Test
    void gainsAndBiasesAreTheSources() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.of(new float[] {0, 0.5f, -1}, 3);
            assertThat(new AroundOne(Transform.COPY, 0).apply(List.of(weight), Shape.of(3)).toFloatArray()).containsExactly(1, 1.5f, 0);
            assertThat(new CentredBias(0.5).apply(List.of(Tensor.of(new float[] {1, 2, 6}, 3)), Shape.of(3)).toFloatArray())
                    .containsExactly(-1, -0.5f, 1.5f);
            Tensor matrix = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
            Tensor bias = Tensor.of(new float[] {1, -1, 0.5f}, 3);
            assertThat(new ProjectedBias().apply(List.of(matrix, bias, Tensor.of(new float[] {10, 20}, 2)), Shape.of(2)).toFloatArray())
                    .containsExactly(10.5f, 22);
        }
    }

    @Test
    void calibratedTakesWhatHasAGateSiluAndBiasesOfNorms() {
        Mapping.named("calibrated", STABLELM.toBuilder().attentionBias(true).attentionOutputBias(false).build()).requireComplete();
        DecoderConfig olmo = DecoderConfig.builder(Architecture.OLMO).vocabSize(40).hiddenSize(32).intermediateSize(48).layers(1).heads(2)
                .eosTokenIds(List.of()).build();
        assertThatThrownBy(() -> Mapping.named("calibrated", olmo)).isInstanceOf(MappingException.class).hasMessageContaining("OLMo has none");
        DecoderConfig starcoder = DecoderConfig.builder(Architecture.STARCODER2).vocabSize(60_000).hiddenSize(32).intermediateSize(48).layers(1)
                .heads(2).build();
        assertThatThrownBy(() -> Mapping.named("calibrated", starcoder)).isInstanceOf(MappingException.class)
                .hasMessageContaining("StarCoder2 has another");
    }
}

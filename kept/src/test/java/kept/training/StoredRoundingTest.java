package kept.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import kept.autograd.LowRankUpdate;
import kept.model.AdapterName;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Lora;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.nn.Linear;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which parameters of a model with adapters are rounded to the type of its checkpoint, and when. */
class StoredRoundingTest {
    private static final String QUERY = "model.layers.0.self_attn.q_proj.weight";
    private static final String VALUE = "model.layers.0.self_attn.v_proj.weight";
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.LLAMA).vocabSize(40).hiddenSize(16).intermediateSize(24)
            .layers(2).heads(2).keyValueHeads(2).headDimension(8).maxPositions(32).initializerRange(0.3).build();

    private Decoder model;
    private Map<String, float[]> before;

    @BeforeEach
    void prepare() {
        var random = new RandomWeights(CONFIG, 1);
        Weights weights = (name, shape) -> AdapterName.isOne(name) ? Tensor.full(0.01, DType.F32, shape) : random.get(name, shape);
        model = Decoder.create(CONFIG, weights, new Lora(3, 6, "q_proj"), Device.cpu());
        ParameterSelection.parse("model.norm,lora").withAdapters(new Lora(3, 6, "q_proj")).apply(model);
        before = values();
    }

    @AfterEach
    void close() {
        model.close();
    }

    private Map<String, float[]> values() {
        Map<String, float[]> values = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> values.put(name, parameter.value().toFloatArray()));
        return values;
    }

    /** Of a Llama of bf16 that is made from weights of f32: the sum of weight and update has one rounding. */
    @Test
    void aWeightKeepsItsDigitsUntilItsAdapterIsAdded() {
        var rounding = new StoredRounding(model, DType.BF16, null, true);
        rounding.roundFrozen();
        rounding.roundAll();
        Map<String, float[]> after = values();
        assertThat(after.get(QUERY)).isEqualTo(before.get(QUERY));
        assertThat(after.get(VALUE)).isNotEqualTo(before.get(VALUE)).isEqualTo(rounded(before.get(VALUE)));
        Linear query = model.projections().get(QUERY);
        try (var _ = Scope.open()) {
            LowRankUpdate update = query.update().orElseThrow();
            Tensor sum = update.b().mul(update.scale()).matmul(update.a()).add(Tensor.of(before.get(QUERY), 16, 16));
            assertThat(query.mergedWeight(DType.BF16).toFloatArray()).isEqualTo(rounded(sum.toFloatArray()));
        }
    }

    /** The base is written without it, and PEFT adds it to what is written. */
    @Test
    void aBaseIsRoundedWhereItsAdapterStaysBesideIt() {
        new StoredRounding(model, DType.BF16, null, false).roundFrozen();
        assertThat(values().get(QUERY)).isEqualTo(rounded(before.get(QUERY)));
    }

    private static float[] rounded(float[] values) {
        try (var _ = Scope.open()) {
            return Tensor.of(values, values.length).cast(DType.BF16).toFloatArray();
        }
    }
}

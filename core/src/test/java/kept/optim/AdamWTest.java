package kept.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** AdamW against PyTorch 2.14: {@code torch.optim.AdamW} with two groups, after {@code clip_grad_norm_} to 1. */
class AdamWTest {
    private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);
    private static final double[] RATES = {1e-2, 5e-3, 2e-2};
    private static final float[][] WEIGHT_GRADIENTS = {
        {0.3f, -0.2f, 0.05f, 1.5f, -2, 0}, {-0.1f, 0.4f, 0.25f, 0.5f, 1, -1}, {0.2f, 0.2f, -0.15f, -0.7f, 0.3f, 2}
    };
    private static final float[][] BIAS_GRADIENTS = {{0.02f, -0.5f, 1}, {0.3f, 0.3f, -0.3f}, {-1, 0, 0.6f}};

    private static SequencedMap<String, Parameter> parameters() {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("weight", new Parameter(Tensor.of(new float[] {0.5f, -1.25f, 2, 0.01f, 3, -0.75f}, 2, 3).requireGradient()));
        parameters.put("bias", new Parameter(Tensor.of(new float[] {0.1f, -0.2f, 0.3f}).requireGradient()));
        return parameters;
    }

    private static void step(Map<String, Parameter> parameters, AdamW optimizer, int index) {
        TensorInternals.gradientAccumulator(parameters.get("weight").value()).assign(Tensor.of(WEIGHT_GRADIENTS[index], 2, 3));
        TensorInternals.gradientAccumulator(parameters.get("bias").value()).assign(Tensor.of(BIAS_GRADIENTS[index]));
        optimizer.step(RATES[index], GradientClipping.globalNorm(parameters.values(), 1).scale());
    }

    @Test
    void threeStepsGiveWhatPyTorchGives() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameters();
            try (var optimizer = new AdamW(parameters, SETTINGS, AdamW.Decay.MATRICES)) {
                step(parameters, optimizer, 0);
                assertValues(parameters.get("weight"), 0.4895000159740448, -1.2387499809265137, 1.9880000352859497, -1.0000541806221008e-05,
                        3.006999969482422, -0.7492499947547913);
                assertValues(parameters.get("bias"), 0.09000001102685928, -0.1899999976158142, 0.2900000214576721);
                step(parameters, optimizer, 1);
                assertValues(parameters.get("weight"), 0.4881252348423004, -1.2407044172286987, 1.9829615354537964, -0.004777171649038792,
                        3.0056896209716797, -0.7452005743980408);
                assertValues(parameters.get("bias"), 0.0861956998705864, -0.19026103615760803, 0.2886565327644348);
                step(parameters, optimizer, 2);
                assertValues(parameters.get("weight"), 0.477183073759079, -1.2498034238815308, 1.972041130065918, -0.01283778715878725,
                        2.9986112117767334, -0.7470779418945312);
                assertValues(parameters.get("bias"), 0.0928918719291687, -0.19107861816883087, 0.2784422039985657);
                assertThat(optimizer.stepCount()).isEqualTo(3);
                AdamW.Moments moments = optimizer.moments().get("weight");
                assertThat(moments.first().toFloatArray()[3]).isCloseTo(0.0426245741546154f, Offset.offset(1e-7f));
                assertThat(moments.second().toFloatArray()[5]).isCloseTo(0.050355877727270126f, Offset.offset(1e-7f));
            }
        }
    }

    private static void assertValues(Parameter parameter, double... expected) {
        float[] seen = parameter.value().toFloatArray();
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) seen[i]).isCloseTo(expected[i], Offset.offset(5e-7));
        }
    }

    @Test
    void decayAppliesToAllOrToMatricesOrByName() {
        assertThat(afterZeroGradient(AdamW.Decay.ALL)).containsExactly(0.495f, 0.099f);
        assertThat(afterZeroGradient(AdamW.Decay.MATRICES)).containsExactly(0.495f, 0.1f);
        assertThat(afterZeroGradient((name, _) -> name.equals("bias"))).containsExactly(0.5f, 0.099f);
    }

    /** The first elements of both parameters after a step without gradient at rate 0.1, where decay alone moves them. */
    private static float[] afterZeroGradient(AdamW.Decay decay) {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameters();
            try (var optimizer = new AdamW(parameters, SETTINGS, decay)) {
                parameters.values().forEach(parameter -> TensorInternals.gradientAccumulator(parameter.value()));
                optimizer.step(0.1, 1);
                return new float[] {parameters.get("weight").value().toFloatArray()[0], parameters.get("bias").value().toFloatArray()[0]};
            }
        }
    }

    @Test
    void restoredStateGoesOnWithTheSameBits() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> straight = parameters();
            SequencedMap<String, Parameter> resumed = parameters();
            try (var one = new AdamW(straight, SETTINGS, AdamW.Decay.ALL); var two = new AdamW(resumed, SETTINGS, AdamW.Decay.ALL)) {
                step(straight, one, 0);
                step(straight, one, 1);
                Map<String, AdamW.Moments> saved = new LinkedHashMap<>();
                one.moments().forEach((name, moments) -> saved.put(name, new AdamW.Moments(moments.first().copy(), moments.second().copy())));
                straight.forEach((name, parameter) -> resumed.get(name).value().assign(parameter.value()));
                step(straight, one, 2);

                two.restore(2, saved);
                step(resumed, two, 2);
                straight.forEach((name, parameter) ->
                        assertThat(resumed.get(name).value().toFloatArray()).isEqualTo(parameter.value().toFloatArray()));
                assertThat(two.stepCount()).isEqualTo(3);
            }
        }
    }

    @Test
    void stateOfOtherParametersIsRefusedAndNothingChanges() {
        try (var _ = Scope.open()) {
            try (var optimizer = new AdamW(parameters(), SETTINGS, AdamW.Decay.ALL)) {
                assertThatThrownBy(() -> optimizer.restore(5, Map.of())).isInstanceOf(TensorException.class)
                        .hasMessageContaining("the saved state is of other parameters: [], not [weight, bias]");
                var wrong = new AdamW.Moments(Tensor.ones(3), Tensor.ones(4));
                var right = new AdamW.Moments(Tensor.ones(2, 3), Tensor.ones(2, 3));
                assertThatThrownBy(() -> optimizer.restore(5, Map.of("weight", right, "bias", wrong))).isInstanceOf(TensorException.class)
                        .hasMessage("[adamw] a saved moment of 'bias' is f32 [4], not f32 [3]");
                assertThat(optimizer.stepCount()).isZero();
                assertThat(optimizer.moments().get("weight").first().toFloatArray()).containsOnly(0);
            }
        }
    }

    @Test
    void frozenParametersStayAndThoseWithoutGradientToo() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameters();
            parameters.get("bias").setTrainable(false);
            try (var optimizer = new AdamW(parameters, SETTINGS, AdamW.Decay.ALL)) {
                assertThat(optimizer.parameters().keySet()).containsExactly("weight");
                optimizer.step(1, 1);
                assertThat(parameters.get("weight").value().toFloatArray()[0]).as("no gradient yet").isEqualTo(0.5f);
                assertThat(parameters.get("bias").value().toFloatArray()[0]).isEqualTo(0.1f);
            }
            parameters.get("weight").setTrainable(false);
            assertThatThrownBy(() -> new AdamW(parameters, SETTINGS, AdamW.Decay.ALL)).isInstanceOf(TensorException.class)
                    .hasMessage("[adamw] none of 2 parameters is trainable");
        }
    }

    @Test
    void momentsAreFreedWhenClosedAndGradientsWhenCleared() {
        try (var scope = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameters();
            long before = scope.device().memoryUsage().inUse();
            parameters.values().forEach(parameter -> TensorInternals.gradientAccumulator(parameter.value()).fill(3));
            try (var optimizer = new AdamW(parameters, SETTINGS, AdamW.Decay.ALL)) {
                long withMoments = scope.device().memoryUsage().inUse();
                optimizer.clearGradients();
                assertThat(parameters.get("bias").gradient()).isNull();
                assertThat(scope.device().memoryUsage().inUse()).isBetween(before + 1, withMoments - 1);
            }
            assertThat(scope.device().memoryUsage().inUse()).isEqualTo(before);
        }
    }

    @Test
    void oneTensorUnderTwoNamesIsRefused() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
            Tensor tied = Tensor.ones(2, 2).requireGradient();
            parameters.put("embed_tokens.weight", new Parameter(tied));
            parameters.put("lm_head.weight", new Parameter(tied));
            assertThatThrownBy(() -> new AdamW(parameters, SETTINGS, AdamW.Decay.ALL)).isInstanceOf(TensorException.class)
                    .hasMessageContaining("'embed_tokens.weight' and 'lm_head.weight' are one tensor");
        }
    }

    @Test
    void settingsOutOfRangeAndNothingToTrainAreRefused() {
        assertThatThrownBy(() -> new AdamW.Settings(1, 0.9, 1e-8, 0)).hasMessage("[adamw] betas must be from 0 to below 1: 1.0 and 0.9");
        assertThatThrownBy(() -> new AdamW.Settings(0.9, Double.NaN, 1e-8, 0)).hasMessage("[adamw] betas must be from 0 to below 1: 0.9 and NaN");
        assertThatThrownBy(() -> new AdamW.Settings(0.9, 0.9, 0, 0)).hasMessage("[adamw] epsilon must be above 0, not 0.0");
        assertThatThrownBy(() -> new AdamW.Settings(0.9, 0.9, 1e-8, -1)).hasMessage("[adamw] weight decay must be 0 or more, not -1.0");
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> frozen = new LinkedHashMap<>();
            frozen.put("weight", new Parameter(Tensor.ones(2)));
            assertThatThrownBy(() -> new AdamW(frozen, SETTINGS, AdamW.Decay.ALL))
                    .isInstanceOf(TensorException.class)
                    .hasMessage("[adamw] none of 1 parameters is trainable");
        }
    }

    @Test
    void gradientsOfNoFiniteScaleAreRefused() {
        try (var _ = Scope.open(); var optimizer = new AdamW(parameters(), SETTINGS, AdamW.Decay.ALL)) {
            assertThatThrownBy(() -> optimizer.step(1e-3, Double.NaN)).isInstanceOf(TensorException.class).hasMessageContaining("isFinite");
            assertThat(optimizer.stepCount()).isZero();
        }
    }

    @Test
    void reducedPrecisionParametersKeepF32Moments() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
            parameters.put("weight", new Parameter(Tensor.ones(4, 4).cast(DType.BF16).requireGradient()));
            try (var optimizer = new AdamW(parameters, AdamW.Settings.DEFAULT, AdamW.Decay.ALL)) {
                TensorInternals.gradientAccumulator(parameters.get("weight").value()).fill(1);
                optimizer.step(0.25, 1);
                assertThat(optimizer.moments().get("weight").first().dtype()).isEqualTo(DType.F32);
                assertThat(parameters.get("weight").value().toFloatArray()).containsOnly(0.75f);
            }
        }
    }
}

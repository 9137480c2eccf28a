package kept.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** SGD against PyTorch 2.13: {@code torch.optim.SGD}, three steps at three rates. */
class SgdTest {
    /** A least squares problem whose solution f32 does not hold: steps in f32 would stop at its spacing. */
    @Test
    void parametersInF64AreTrainedToTheirDigits() {
        try (var _ = Scope.open()) {
            var weight = new Parameter(Tensor.full(0, DType.F64, Shape.of(2)).requireGradient());
            Tensor target = Tensor.of(new double[] {Math.PI, -1.0 / 3});
            SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
            parameters.put("w", weight);
            try (var optimizer = new Sgd(parameters, new Sgd.Settings(0.5, false, 0), AdamW.Decay.MATRICES)) {
                for (int step = 0; step < 200; step++) {
                    weight.value().sub(target).square().sum().backward();
                    assertThat(weight.gradient().dtype()).isEqualTo(DType.F64);
                    optimizer.step(0.1, 1);
                    optimizer.clearGradients();
                }
                assertThat(optimizer.velocities().get("w").dtype()).isEqualTo(DType.F64);
            }
            assertThat(weight.value().detach().toDoubleArray()[0]).isCloseTo(Math.PI, within(1e-14));
            assertThat(weight.value().detach().toDoubleArray()[1]).isCloseTo(-1.0 / 3, within(1e-14));
            assertThatThrownBy(() -> new AdamW(parameters, AdamW.Settings.DEFAULT, AdamW.Decay.MATRICES)).isInstanceOf(DTypeException.class)
                    .hasMessage("[adamw] parameter 'w' is f64, and steps are computed in f32; use Sgd, or parameters in f32");
        }
    }


    private static final float[][] GRADIENTS = {
        {0.3f, -0.2f, 0.05f, 1.5f, -2, 0}, {-0.1f, 0.4f, 0.25f, 0.5f, 1, -1}, {0.2f, 0.2f, -0.15f, -0.7f, 0.3f, 2}
    };
    private static final double[] RATES = {1e-1, 5e-2, 2e-1};
    private static final Sgd.Settings[] SETTINGS = {
        Sgd.Settings.DEFAULT, new Sgd.Settings(0.9, false, 0.1), new Sgd.Settings(0.9, true, 0.1), new Sgd.Settings(0.5, true, 0),
        new Sgd.Settings(0, false, 0.2)
    };
    private static final float[][] EXPECTED = {
        {0.435000002f, -1.28999996f, 2.01250005f, -0.025000006f, 3.09000015f, -1.10000002f},
        {0.355816513f, -1.22988665f, 1.81149757f, -0.417945802f, 3.09537697f, -0.866189301f},
        {0.290715158f, -1.23029602f, 1.77629292f, -0.39578104f, 3.05922818f, -1.18190122f},
        {0.39624998f, -1.32250011f, 2.00437498f, -0.123750016f, 3.16000009f, -1.22500002f},
        {0.401984006f, -1.20443201f, 1.87603199f, -0.0172460824f, 2.87625623f, -1.05054402f},
    };
    private static final float[] VELOCITY = {0.480542541f, 0.065496251f, 0.649387479f, 0.930006564f, 0.426365077f, 0.903883815f};

    private static SequencedMap<String, Parameter> parameters(DType dtype) {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("weight", new Parameter(Tensor.of(new float[] {0.5f, -1.25f, 2, 0.01f, 3, -0.75f}, 2, 3).cast(dtype).requireGradient()));
        parameters.put("frozen", new Parameter(Tensor.ones(2)));
        return parameters;
    }

    private static void step(Map<String, Parameter> parameters, Sgd optimizer, int index) {
        TensorInternals.gradientAccumulator(parameters.get("weight").value()).assign(Tensor.of(GRADIENTS[index], 2, 3).mul(2));
        optimizer.step(RATES[index], 0.5);
    }

    private static void assertClose(Tensor seen, float... expected) {
        float[] values = seen.toFloatArray();
        for (int i = 0; i < expected.length; i++) {
            assertThat(values[i]).as("element %d", i).isCloseTo(expected[i], Offset.offset(1e-6f));
        }
    }

    @Test
    void threeStepsGiveWhatPyTorchGives() {
        for (int i = 0; i < SETTINGS.length; i++) {
            try (var _ = Scope.open()) {
                SequencedMap<String, Parameter> parameters = parameters(DType.F32);
                try (var optimizer = new Sgd(parameters, SETTINGS[i], AdamW.Decay.ALL)) {
                    for (int step = 0; step < RATES.length; step++) {
                        step(parameters, optimizer, step);
                    }
                    assertClose(parameters.get("weight").value(), EXPECTED[i]);
                    assertThat(optimizer.parameters()).containsOnlyKeys("weight");
                    if (i == 1) {
                        assertClose(optimizer.velocities().get("weight"), VELOCITY);
                    }
                    assertThat(optimizer.velocities().isEmpty()).isEqualTo(SETTINGS[i].momentum() == 0);
                }
                assertThat(parameters.get("frozen").value().toFloatArray()).containsExactly(1, 1);
            }
        }
    }

    @Test
    void aRunThatGoesOnFromASavedStateGivesTheSameBits() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> whole = parameters(DType.BF16);
            SequencedMap<String, Parameter> second = parameters(DType.BF16);
            try (var optimizer = new Sgd(whole, SETTINGS[2], AdamW.Decay.MATRICES); var next = new Sgd(second, SETTINGS[2], AdamW.Decay.MATRICES)) {
                step(whole, optimizer, 0);
                second.get("weight").value().assign(whole.get("weight").value());
                next.restore(optimizer.velocities());
                step(whole, optimizer, 1);
                step(second, next, 1);
                assertThat(second.get("weight").value().toFloatArray()).isEqualTo(whole.get("weight").value().toFloatArray());
                assertThatThrownBy(() -> next.restore(Map.of())).isInstanceOf(TensorException.class).hasMessageStartingWith("[sgd] ");
                assertThatThrownBy(() -> next.restore(Map.of("weight", Tensor.zeros(2)))).isInstanceOf(TensorException.class)
                        .hasMessageStartingWith("[sgd] ");
                optimizer.clearGradients();
                assertThat(whole.get("weight").gradient()).isNull();
            }
        }
    }

    @Test
    void wrongNumbersAreSaid() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameters(DType.F32);
            for (double number : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
                assertThatThrownBy(() -> new Sgd.Settings(number, false, 0)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> new Sgd.Settings(0, false, number)).isInstanceOf(IllegalArgumentException.class);
                try (var optimizer = new Sgd(parameters, Sgd.Settings.DEFAULT, AdamW.Decay.ALL)) {
                    assertThatThrownBy(() -> optimizer.step(number, 1)).isInstanceOf(TensorException.class).hasMessageStartingWith("[sgd] ");
                }
            }
            assertThatThrownBy(() -> new Sgd.Settings(0, true, 0)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> new Sgd(new LinkedHashMap<>(), Sgd.Settings.DEFAULT, AdamW.Decay.ALL)).isInstanceOf(TensorException.class);
            parameters.put("again", parameters.get("weight"));
            assertThatThrownBy(() -> new Sgd(parameters, Sgd.Settings.DEFAULT, AdamW.Decay.ALL)).isInstanceOf(TensorException.class)
                    .hasMessageContaining("'again'");
        }
    }
}

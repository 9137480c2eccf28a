package kept.optim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.backend.BlockCodes;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** AdamW with moments of 8 bits and with parameters of 16. */
class AdamWStorageTest {
    private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.95, 1e-8, 0);
    private static final AdamW.Storage CODED = new AdamW.Storage(true, false, 0);
    private static final AdamW.Storage STOCHASTIC = new AdamW.Storage(true, true, 7);
    private static final int COUNT = 5000;

    private static SequencedMap<String, Parameter> parameter(Tensor value) {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("weight", new Parameter(value.requireGradient()));
        return parameters;
    }

    /** The mean square distance from a target after some steps towards it. */
    private static double distanceAfter(int steps, AdamW.Storage storage) {
        try (var _ = Scope.open()) {
            Tensor target = Tensor.normal(1, 0, COUNT);
            // Curvatures of four decades, so that the gradients of a block differ as much.
            Tensor curvature = Tensor.uniform(2, 0, COUNT).mul(-4 * Math.log(10)).exp();
            SequencedMap<String, Parameter> parameters = parameter(Tensor.zeros(COUNT));
            Tensor weight = parameters.get("weight").value();
            try (var optimizer = new AdamW(parameters, SETTINGS, AdamW.Decay.ALL, storage)) {
                for (int i = 0; i < steps; i++) {
                    TensorInternals.gradientAccumulator(weight).assign(weight.detach().sub(target).mul(curvature));
                    optimizer.step(0.02, 1);
                }
                return weight.detach().sub(target).square().mean().item();
            }
        }
    }

    @Test
    void momentsOfEightBitsTrainAsThoseOf32() {
        double start = distanceAfter(0, CODED);
        double plain = distanceAfter(60, AdamW.Storage.PLAIN);
        assertThat(plain).isLessThan(start / 4);
        assertThat(distanceAfter(60, CODED)).isCloseTo(plain, Offset.offset(0.02 * start));
    }

    @Test
    void stochasticRoundingKeepsUpdatesThatRoundingToNearestLoses() {
        assertThat(meanAfter(50, CODED)).isEqualTo(1);
        assertThat(meanAfter(50, STOCHASTIC)).isCloseTo(1 - 50 * 1e-4, Offset.offset(5e-4));
    }

    /** The mean of BF16 parameters that began as 1 and moved by 1e-4 a step, a fortieth of the distance to their lower neighbour. */
    private static double meanAfter(int steps, AdamW.Storage storage) {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameter(Tensor.full(1, DType.BF16, Shape.of(COUNT)));
            Tensor weight = parameters.get("weight").value();
            try (var optimizer = new AdamW(parameters, SETTINGS, AdamW.Decay.ALL, storage)) {
                for (int i = 0; i < steps; i++) {
                    TensorInternals.gradientAccumulator(weight).fill(1);
                    optimizer.step(1e-4, 1);
                }
                return weight.detach().cast(DType.F32).mean().item();
            }
        }
    }

    @Test
    void smallParametersKeepTheirMomentsInF32() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> parameters = parameter(Tensor.zeros(COUNT));
            parameters.put("norm", new Parameter(Tensor.ones(4095).requireGradient()));
            try (var optimizer = new AdamW(parameters, SETTINGS, AdamW.Decay.ALL, CODED)) {
                assertThat(optimizer.moments().get("weight").first().dtype()).isEqualTo(DType.I32);
                assertThat(optimizer.moments().get("weight").second().shape()).isEqualTo(BlockCodes.shape(COUNT));
                assertThat(optimizer.moments().get("norm").first().dtype()).isEqualTo(DType.F32);
            }
        }
    }

    @Test
    void restoredCodesGoOnWithTheSameBits() {
        try (var _ = Scope.open()) {
            SequencedMap<String, Parameter> straight = parameter(Tensor.normal(3, 0, COUNT).cast(DType.BF16));
            SequencedMap<String, Parameter> resumed = parameter(Tensor.zeros(COUNT).cast(DType.BF16));
            try (var one = new AdamW(straight, SETTINGS, AdamW.Decay.ALL, STOCHASTIC);
                    var two = new AdamW(resumed, SETTINGS, AdamW.Decay.ALL, STOCHASTIC)) {
                step(straight, one, 0);
                step(straight, one, 1);
                AdamW.Moments moments = one.moments().get("weight");
                var saved = Map.of("weight", new AdamW.Moments(moments.first().copy(), moments.second().copy()));
                resumed.get("weight").value().assign(straight.get("weight").value());
                step(straight, one, 2);
                two.restore(2, saved);
                step(resumed, two, 2);
                assertThat(resumed.get("weight").value().toFloatArray()).isEqualTo(straight.get("weight").value().toFloatArray());
            }
        }
    }

    private static void step(SequencedMap<String, Parameter> parameters, AdamW optimizer, int index) {
        TensorInternals.gradientAccumulator(parameters.get("weight").value()).assign(Tensor.normal(10, index, COUNT));
        optimizer.step(1e-3, 1);
    }
}

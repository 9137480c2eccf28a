package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.Function;
import kept.backend.AdamWStep;
import kept.backend.Backend;
import kept.backend.BlockCodes;
import kept.backend.Distribution;
import kept.backend.OptimizerKernelContract;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Kernels whose grid depends on the number of multiprocessors: with one, each loop over the grid takes several turns; with 132, one. */
class VirtualMultiprocessorsContractTest {
    @Nested
    class OneMultiprocessor extends OptimizerKernelContract {
        @Override
        protected Device device() {
            return SizedCudaProvider.oneMultiprocessor();
        }
    }

    @Nested
    class ManyMultiprocessors extends OptimizerKernelContract {
        @Override
        protected Device device() {
            return SizedCudaProvider.manyMultiprocessors();
        }
    }

    /** More elements than 8 blocks of 8 warps take at a time, with 8-bit moments 256 elements each. */
    @Test
    void anOptimizerStepHasTheSameBitsForAnyNumberOfMultiprocessors() {
        assertSameBits(device -> {
            int count = 3 * 8 * 8 * 256 + 77;
            Tensor gradient = normal(device, 1, count);
            Tensor parameter = normal(device, 2, count);
            Tensor coded = normal(device, 3, count).cast(DType.BF16);
            Tensor[] moments = {Tensor.zeros(count), Tensor.zeros(count), Tensor.full(0, DType.I32, BlockCodes.shape(count)),
                    Tensor.full(0, DType.I32, BlockCodes.shape(count))};
            for (int i = 1; i < 3; i++) {
                var step = new AdamWStep(i, 0.1, 0.9, 0.999, 1e-8, 0.01, 1);
                device.adamW(step, parameter, gradient, moments[0], moments[1]);
                device.adamW(step, coded, gradient, moments[2], moments[3]);
            }
            return List.of(parameter, coded, moments[0], moments[1]);
        });
    }

    private static Tensor normal(Backend backend, int seed, int count) {
        Tensor out = Tensor.empty(DType.F32, Shape.of(count));
        backend.random(Distribution.NORMAL, seed, 0, out);
        return out;
    }

    private static void assertSameBits(Function<Backend, List<Tensor>> work) {
        List<float[]> expected = null;
        for (Device device : List.of(SizedCudaProvider.oneMultiprocessor(), SizedCudaProvider.manyMultiprocessors(), Device.of("virtual"))) {
            try (var _ = Scope.open(device)) {
                List<float[]> results = work.apply(device.backend()).stream().map(Tensor::toFloatArray).toList();
                expected = expected == null ? results : expected;
                for (int i = 0; i < results.size(); i++) {
                    assertThat(results.get(i)).as("result %d on %s", i, device).isEqualTo(expected.get(i));
                }
            }
        }
    }
}

package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import kept.backend.Backend;
import kept.tensor.internal.MemoryReads;
import org.junit.jupiter.api.Test;

class GuardedBackendTest {
    /** A default that it inherited would run the composition instead of the device's own kernel, without a word. */
    @Test
    void handsOnEveryMethodOfABackend() {
        assertThat(Backend.class.getMethods()).hasSizeGreaterThan(40)
                .allSatisfy(method -> assertThat(declares(method)).as(method.toString()).isTrue());
    }

    /** A result that a kernel computes from what it was counts as read: to run the kernel again would give another one. */
    @Test
    void resultsThatAreAlsoOperandsAreReads() {
        try (var _ = Scope.open()) {
            Tensor q = Tensor.uniform(1, 0, 1, 2, 2, 4);
            Tensor k = Tensor.uniform(1, 1, 1, 2, 1, 4);
            Tensor angles = Tensor.uniform(1, 2, 2, 2);
            Tensor keys = Tensor.zeros(1, 2, 1, 4);
            Tensor values = Tensor.zeros(1, 2, 1, 4);
            Backend backend = q.backend();
            assertReads(q, () -> backend.rotaryAppend(q, k, k, angles, angles, keys, values));
            List<Tensor> places = List.of(keys.slice(1, 0, 1), keys.slice(1, 1, 2));
            List<Tensor> others = List.of(values.slice(1, 0, 1), values.slice(1, 1, 2));
            assertReads(q, () -> backend.rotaryAppendToEach(q, k, k, angles, angles, places, others));
            Tensor sum = Tensor.ones(2, 2);
            assertReads(sum, () -> backend.matmul(angles, angles, sum, true));
            assertThat(changed(() -> backend.matmul(angles, angles, sum, false))).isNull();
        }
    }

    private static void assertReads(Tensor result, Runnable kernel) {
        assertThat(changed(kernel)).isNotNull().matches(result::overlaps);
    }

    private static Tensor changed(Runnable kernel) {
        var reads = MemoryReads.open();
        try (reads) {
            kernel.run();
        }
        return reads.changed();
    }

    private static boolean declares(Method method) {
        return Arrays.stream(GuardedBackend.class.getDeclaredMethods())
                .anyMatch(own -> own.getName().equals(method.getName()) && Arrays.equals(own.getParameterTypes(), method.getParameterTypes()));
    }
}

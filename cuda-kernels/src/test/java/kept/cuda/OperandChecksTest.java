package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.cuda.driver.Grid;
import kept.cuda.virtual.KernelFault;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** What changes besides the elements of results is a fault that names the kernel and the operand. */
class OperandChecksTest {
    @Test
    void resultsOfEveryKernelAreKnown() {
        List<String> kernels = Arrays.stream(Backend.class.getMethods()).filter(method -> Arrays.stream(method.getParameterTypes())
                .anyMatch(type -> type == Tensor.class || type == List.class)).map(method -> method.getName()).distinct().toList();
        assertThat(OperandChecks.RESULTS.keySet()).containsExactlyInAnyOrderElementsOf(kernels);
        for (var method : Backend.class.getMethods()) {
            for (int position : OperandChecks.RESULTS.getOrDefault(method.getName(), Set.of())) {
                assertThat(method.getParameterTypes()[position]).as("parameter %d of %s", position, method.getName())
                        .isIn(Tensor.class, List.class);
            }
        }
    }

    /** A backend whose additions write as well where they must not. */
    private static void add(long faultyOffset, Tensor victim, Tensor a, Tensor b, Tensor out) {
        CudaBackend cuda = (CudaBackend) OperandChecks.unwrap(Device.of("virtual").backend().unguarded());
        var faulty = (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (_, method, arguments) -> {
            try {
                if (victim != null) {
                    long address = Gpu.address(victim) + faultyOffset;
                    cuda.gpu().launch("virtual/faults", "store_past_end", Grid.of(1, 1)).i64(address).i32(1).i32(0).run();
                }
                return method.invoke(cuda, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
        OperandChecks.around(faulty, VirtualCudaProvider.gpu()).binary(Binary.ADD, a, b, out);
        cuda.gpu().synchronize();
    }

    @Test
    void aKernelThatChangesAnOperandIsAFault() {
        try (var _ = Scope.open(Device.of("virtual"))) {
            Tensor a = Tensor.full(1, DType.F32, Shape.of(8));
            Tensor b = Tensor.full(2, DType.F32, Shape.of(8));
            Tensor wide = Tensor.full(3, DType.F32, Shape.of(16));
            Tensor out = wide.slice(0, 4, 12);
            add(0, null, a, b, out);
            assertThat(wide.toFloatArray()).containsOnly(3);
            assertThatThrownBy(() -> add(20, b, a, b, out)).isInstanceOf(KernelFault.class).message()
                    .contains("binary changes byte 23 of allocation", "the memory of operand 2, which is no element of a result");
            assertThatThrownBy(() -> add(32, out, a, b, out)).isInstanceOf(KernelFault.class).message()
                    .contains("binary changes byte 50 of allocation", "the memory of operand 3, which is no element of a result");
        }
    }
}

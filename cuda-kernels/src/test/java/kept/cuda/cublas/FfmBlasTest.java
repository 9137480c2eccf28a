package kept.cuda.cublas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import kept.cuda.bindings.Cublas;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.FfmDriver;
import kept.cuda.library.FakeLibrary;
import kept.cuda.library.FakeLibrary.Call;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls of cuBLAS through the bindings, into C functions that record their arguments. */
class FfmBlasTest {
    private static final long STREAM = 0x5000_0000_0001L;
    private static final long HANDLE = 0x6000_0000_0002L;
    private static final Arena TEXTS = Arena.global();

    private final FakeLibrary driver = FakeLibrary.driver();
    private final FakeLibrary fake = FakeLibrary.cublas();
    private final Set<String> called = new TreeSet<>();
    private FfmBlas blas;

    @BeforeEach
    void open() {
        driver.on("cuDriverGetVersion", call -> answer(() -> call.put(0, 13000)));
        fake.on("cublasGetProperty", call -> answer(() -> call.put(1, List.of(13, 1, 5).get(call.i32(0)))));
        fake.on("cublasCreate_v2", call -> answer(() -> call.put(0, HANDLE)));
        blas = FfmBlas.open(FfmDriver.open());
    }

    @Test
    void everyArgumentArrivesWhereCublasExpectsIt() {
        assertThat(blas.version()).isEqualTo(130105);
        assertThat(blas.create(STREAM)).isEqualTo(HANDLE);
        List<Call> calls = fake.calls();
        calls.forEach(call -> called.add(call.function()));
        assertThat(calls).contains(new Call("cublasSetStream_v2", List.of(HANDLE, STREAM)), new Call("cublasSetMathMode", List.of(HANDLE, 16)));
        blas.setWorkspace(HANDLE, 0x7f00_0000_0000L, 1L << 33);
        assertThat(last()).isEqualTo(new Call("cublasSetWorkspace_v2", List.of(HANDLE, 0x7f00_0000_0000L, 1L << 33)));

        List<Float> factors = new ArrayList<>();
        fake.on("cublasGemmEx", call -> answer(() -> {
            factors.add(call.at(6).get(ValueLayout.JAVA_FLOAT, 0));
            factors.add(call.at(13).get(ValueLayout.JAVA_FLOAT, 0));
        }));
        Matrix a = new Matrix(0x10_0000_0000L, DataType.BF16, 101, 1L << 32, true);
        Matrix b = new Matrix(0x20_0000_0000L, DataType.BF16, 102, 2L << 32, false);
        Matrix c = new Matrix(0x30_0000_0000L, DataType.F32, 103, 3L << 32, false);
        blas.gemm(HANDLE, new Gemm(3, 4, 5, 0.5f, a, b, -2f, c, 1));
        List<Object> arguments = without(last(), 6, 13);
        assertThat(arguments).isEqualTo(List.of(HANDLE, 1, 0, 3, 4, 5, a.address(), 14, 101, b.address(), 14, 102, c.address(), 0, 103, 68, -1));
        assertThat(factors).containsExactly(0.5f, -2f);

        fake.on("cublasGemmStridedBatchedEx", call -> answer(() -> {
            factors.add(call.at(6).get(ValueLayout.JAVA_FLOAT, 0));
            factors.add(call.at(15).get(ValueLayout.JAVA_FLOAT, 0));
        }));
        Matrix half = new Matrix(0x40_0000_0000L, DataType.F16, 104, 4L << 32, false);
        blas.gemm(HANDLE, new Gemm(6, 7, 8, 3f, half, b, 0.25f, c, 9));
        assertThat(without(last(), 6, 15)).isEqualTo(List.of(HANDLE, 0, 0, 6, 7, 8, half.address(), 2, 104, 4L << 32, b.address(), 14, 102, 2L << 32,
                c.address(), 0, 103, 3L << 32, 9, 68, -1));
        assertThat(factors).containsExactly(0.5f, -2f, 3f, 0.25f);

        List<Double> doubles = new ArrayList<>();
        fake.on("cublasGemmEx", call -> answer(() -> {
            doubles.add(call.at(6).get(ValueLayout.JAVA_DOUBLE, 0));
            doubles.add(call.at(13).get(ValueLayout.JAVA_DOUBLE, 0));
        }));
        Matrix wide = new Matrix(0x50_0000_0000L, DataType.F64, 105, 0, true);
        blas.gemm(HANDLE, new Gemm(3, 4, 5, -1, wide, wide, 1, wide, 1));
        assertThat(without(last(), 6, 13)).as("operands, result and arithmetic in f64").isEqualTo(List.of(HANDLE, 1, 1, 3, 4, 5,
                wide.address(), 1, 105, wide.address(), 1, 105, wide.address(), 1, 105, 70, -1));
        assertThat(doubles).containsExactly(-1.0, 1.0);
        blas.gemm(HANDLE, new Gemm(3, 4, 5, 0.5f, a, b, -2f, c, 1));
        assertThat(last().arguments()).as("f32 again").contains(68);

        blas.destroy(HANDLE);
        assertThat(last()).isEqualTo(new Call("cublasDestroy_v2", List.of(HANDLE)));
        called.addAll(List.of("cublasGetStatusName", "cublasGetStatusString")); // Called by the failures in the tests below.
        assertThat(called).isEqualTo(bound()).isEqualTo(fake.names());
    }

    @Test
    void aFailureNamesTheCallTheStatusAndTheSizes() {
        name("CUBLAS_STATUS_EXECUTION_FAILED", "the function failed to launch on the GPU");
        blas.create(STREAM);
        fake.on("cublasGemmEx", _ -> 13);
        Matrix a = new Matrix(1 << 20, DataType.BF16, 4096, 0, true);
        assertThatThrownBy(() -> blas.gemm(HANDLE, new Gemm(3, 4, 5, 1, a, a, 0, a, 1))).isInstanceOf(CudaException.class).hasMessage(
                "[cublas] cublasGemmEx of m 3, n 4, k 5, batch 1, a %s, b %s, c %s: CUBLAS_STATUS_EXECUTION_FAILED (13), %s"
                        .formatted(a, a, a, "the function failed to launch on the GPU"));
        fake.hide("cublasGetStatusName"); // Before 11.4.
        assertThatThrownBy(() -> blas.gemm(HANDLE, new Gemm(3, 4, 5, 1, a, a, 0, a, 1))).hasMessageEndingWith(": status 13 of cuBLAS");
    }

    @Test
    void aFailedCreateReportsThePossibleCauses() {
        name("CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized");
        fake.on("cublasCreate_v2", _ -> 1);
        assertThatThrownBy(() -> blas.create(STREAM)).hasMessageContaining("cublasCreate").hasMessageContaining("CUBLAS_STATUS_NOT_INITIALIZED (1)")
                .hasMessageContaining("the driver is older");
    }

    @Test
    void everyStatusIsChecked() {
        name("CUBLAS_STATUS_INVALID_VALUE", "an unsupported value");
        blas.create(STREAM);
        Matrix a = new Matrix(1 << 20, DataType.BF16, 4096, 0, true);
        for (Runnable call : List.<Runnable>of(() -> blas.create(STREAM), () -> blas.setWorkspace(HANDLE, 1, 2), () -> blas.destroy(HANDLE))) {
            fake.calls();
            call.run();
            for (Call made : fake.calls()) {
                fake.on(made.function(), _ -> 7);
                assertThatThrownBy(call::run).as(made.function()).isInstanceOf(CudaException.class)
                        .hasMessageContaining(made.function().replace("_v2", "")).hasMessageContaining("(7)");
                fake.on(made.function(), made.function().equals("cublasCreate_v2") ? create -> answer(() -> create.put(0, HANDLE)) : _ -> 0);
            }
        }
        for (int batch : new int[] {1, 2}) {
            fake.on(batch == 1 ? "cublasGemmEx" : "cublasGemmStridedBatchedEx", _ -> 7);
            assertThatThrownBy(() -> blas.gemm(HANDLE, new Gemm(3, 4, 5, 1, a, a, 0, a, batch))).isInstanceOf(CudaException.class);
        }
        fake.on("cublasGetProperty", _ -> 7);
        assertThatThrownBy(() -> FfmBlas.open(FfmDriver.open())).isInstanceOf(CudaException.class);
    }

    @Test
    void aKernelFaultListsProductsOfCublas() {
        blas.create(STREAM);
        Matrix a = new Matrix(1 << 20, DataType.BF16, 4096, 0, false);
        FfmDriver own = FfmDriver.open();
        FfmBlas other = FfmBlas.open(own);
        other.create(STREAM);
        other.gemm(HANDLE, new Gemm(3, 4, 5, 1, a, a, 0, a, 1));
        driver.on("cuStreamSynchronize", _ -> 700);
        driver.on("cuGetErrorName", _ -> 1);
        driver.on("cuGetErrorString", _ -> 1);
        assertThatThrownBy(() -> own.synchronize(STREAM)).hasMessageContaining("a matrix product of cuBLAS");
    }

    private void name(String name, String text) {
        MemorySegment nameText = TEXTS.allocateFrom(name);
        MemorySegment explanation = TEXTS.allocateFrom(text);
        fake.on("cublasGetStatusName", _ -> nameText.address());
        fake.on("cublasGetStatusString", _ -> explanation.address());
    }

    private static int answer(Runnable effect) {
        effect.run();
        return 0;
    }

    private Call last() {
        Call last = fake.calls().getLast();
        called.add(last.function());
        return last;
    }

    private static List<Object> without(Call call, int... numbers) {
        List<Object> arguments = new ArrayList<>(call.arguments());
        for (int i = numbers.length - 1; i >= 0; i--) {
            arguments.remove(numbers[i]);
        }
        return arguments;
    }

    private static Set<String> bound() {
        String ending = "$descriptor";
        return Arrays.stream(Cublas.class.getMethods()).map(method -> method.getName()).filter(name -> name.endsWith(ending))
                .map(name -> name.substring(0, name.length() - ending.length())).collect(Collectors.toSet());
    }
}

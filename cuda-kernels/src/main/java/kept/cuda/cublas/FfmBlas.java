package kept.cuda.cublas;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import kept.cuda.bindings.Cublas;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.FfmDriver;
import kept.cuda.library.NativeLibrary;
import kept.cuda.library.NativeText;

/** The cuBLAS of this machine, called through the foreign function and memory API. */
public final class FfmBlas implements Blas {
    private final FfmDriver driver;
    private final int version;
    private final ThreadLocal<Factors> factors = ThreadLocal.withInitial(Factors::new);
    private final Map<Long, Long> streams = new ConcurrentHashMap<>();

    private FfmBlas(FfmDriver driver) {
        this.driver = driver;
        version = property(Cublas.MAJOR_VERSION()) * 10_000 + property(Cublas.MINOR_VERSION()) * 100 + property(Cublas.PATCH_LEVEL());
    }

    /**
     * Loads the newest installed cuBLAS that the driver can run.
     *
     * @param driver the CUDA driver
     * @return cuBLAS
     * @throws kept.cuda.library.MissingLibraryException if none is found; the message lists the searched places
     */
    public static FfmBlas open(FfmDriver driver) {
        NativeLibrary.loadCublas(driver.version() / 1000);
        return new FfmBlas(driver);
    }

    private static int property(int which) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
            check(Cublas.cublasGetProperty(which, value), "cublasGetProperty");
            return value.get(ValueLayout.JAVA_INT, 0);
        }
    }

    @Override
    public int version() {
        return version;
    }

    @Override
    public long create(long stream) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.ADDRESS);
            check(Cublas.cublasCreate_v2(result), "cublasCreate of " + NativeLibrary.CUBLAS.origin());
            MemorySegment handle = result.get(ValueLayout.ADDRESS, 0);
            check(Cublas.cublasSetStream_v2(handle, MemorySegment.ofAddress(stream)), "cublasSetStream");
            check(Cublas.cublasSetMathMode(handle, Cublas.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION()), "cublasSetMathMode");
            streams.put(handle.address(), stream);
            return handle.address();
        }
    }

    @Override
    public void setWorkspace(long handle, long address, long bytes) {
        int status = Cublas.cublasSetWorkspace_v2(MemorySegment.ofAddress(handle), MemorySegment.ofAddress(address), bytes);
        if (status != 0) {
            throw failure(status, "cublasSetWorkspace of %d bytes".formatted(bytes));
        }
    }

    @Override
    public void destroy(long handle) {
        streams.remove(handle);
        check(Cublas.cublasDestroy_v2(MemorySegment.ofAddress(handle)), "cublasDestroy");
    }

    @Override
    public void gemm(long handle, Gemm product) {
        int m = product.m();
        int n = product.n();
        int k = product.k();
        Matrix a = product.a();
        Matrix b = product.b();
        Matrix c = product.c();
        int batch = product.batch();
        Factors values = factors.get();
        values.set(a.type() == DataType.F64, product.alpha(), product.beta());
        MemorySegment on = MemorySegment.ofAddress(handle);
        int status = batch == 1
                ? Cublas.cublasGemmEx(on, operation(a), operation(b), m, n, k, values.alpha, pointer(a), a.type().code(), a.leading(),
                        pointer(b), b.type().code(), b.leading(), values.beta, pointer(c), c.type().code(), c.leading(),
                        a.type().computeCode(), Cublas.CUBLAS_GEMM_DEFAULT())
                : Cublas.cublasGemmStridedBatchedEx(on, operation(a), operation(b), m, n, k, values.alpha, pointer(a), a.type().code(), a.leading(),
                        a.stride(), pointer(b), b.type().code(), b.leading(), b.stride(), values.beta, pointer(c), c.type().code(), c.leading(),
                        c.stride(), batch, a.type().computeCode(), Cublas.CUBLAS_GEMM_DEFAULT());
        if (status != 0) {
            throw failure(status, "%s of m %d, n %d, k %d, batch %d, a %s, b %s, c %s".formatted(
                    batch == 1 ? "cublasGemmEx" : "cublasGemmStridedBatchedEx", m, n, k, batch, a, b, c));
        }
        driver.productQueued(streams.get(handle), m, n, k);
    }

    private static int operation(Matrix matrix) {
        return matrix.transposed() ? Cublas.CUBLAS_OP_T() : Cublas.CUBLAS_OP_N();
    }

    private static MemorySegment pointer(Matrix matrix) {
        return MemorySegment.ofAddress(matrix.address());
    }

    private static void check(int status, String call) {
        if (status != 0) {
            throw failure(status, call);
        }
    }

    private static CudaException failure(int status, String call) {
        boolean named = NativeLibrary.CUBLAS.find("cublasGetStatusName").isPresent(); // Since cuBLAS 11.4, as is cublasGetStatusString.
        String name = !named ? "status %d of cuBLAS".formatted(status)
                : "%s (%d), %s".formatted(string(Cublas.cublasGetStatusName(status)), status, string(Cublas.cublasGetStatusString(status)));
        String remedy = status == Cublas.CUBLAS_STATUS_NOT_INITIALIZED() ? "; too little device memory is free, or the driver is older than cuBLAS"
                : "";
        return new CudaException(status, "[cublas] %s: %s%s".formatted(call, name, remedy));
    }

    private static String string(MemorySegment text) {
        return Objects.requireNonNullElse(NativeText.at(text), "no text");
    }

    /** Native memory of one thread for alpha and beta, which cuBLAS takes by address, in the type of its arithmetic. */
    private static final class Factors {
        private final MemorySegment alpha = Arena.ofAuto().allocate(ValueLayout.JAVA_DOUBLE);
        private final MemorySegment beta = Arena.ofAuto().allocate(ValueLayout.JAVA_DOUBLE);

        void set(boolean inDouble, float alphaValue, float betaValue) {
            if (inDouble) {
                alpha.set(ValueLayout.JAVA_DOUBLE, 0, alphaValue);
                beta.set(ValueLayout.JAVA_DOUBLE, 0, betaValue);
            } else {
                alpha.set(ValueLayout.JAVA_FLOAT, 0, alphaValue);
                beta.set(ValueLayout.JAVA_FLOAT, 0, betaValue);
            }
        }
    }
}

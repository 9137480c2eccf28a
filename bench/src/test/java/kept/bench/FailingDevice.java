package kept.bench;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Set;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.CudaBackendProvider;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.cuda.virtual.VirtualGpu;

/**
 * The CUDA backend on a virtual GPU that fails when a test says so, under the name {@code failing}. A lost device fails at every call from a launch
 * or product on, frees included, as CUDA does after a kernel's fault; a full one refuses every allocation from one on.
 */
public final class FailingDevice implements BackendProvider {
    private static final VirtualGpu GPU = VirtualGpu.open().deferring().varyingProducts();
    /** Calls that report properties, not the state of the context. */
    private static final Set<String> PROPERTIES = Set.of("version", "deviceCount", "deviceName", "attribute", "totalMemory");

    private static long launches;
    private static long allocations;
    private static long lostAt;
    private static long fullAt;

    /** Called by {@link java.util.ServiceLoader}. */
    public FailingDevice() {}

    @Override
    public String name() {
        return "failing";
    }

    @Override
    public Backend open(int index) {
        return CudaBackendProvider.open(guarded(Driver.class, GPU.driver()), guarded(Blas.class, GPU.blas()));
    }

    /** Counts from 0 again, without failures. */
    static synchronized void repair() {
        launches = 0;
        allocations = 0;
        lostAt = Long.MAX_VALUE;
        fullAt = Long.MAX_VALUE;
    }

    static synchronized long launches() {
        return launches;
    }

    static synchronized long allocations() {
        return allocations;
    }

    /** Loses the device at a launch or product, counted from 1 since the repair. */
    static synchronized void loseAt(long launch) {
        lostAt = launch;
    }

    /** Refuses allocations from one on, counted from 1 since the repair. */
    static synchronized void fillAt(long allocation) {
        fullAt = allocation;
    }

    private static <T> T guarded(Class<T> type, T calls) {
        repair();
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (_, method, arguments) -> {
            before(method);
            try {
                return method.invoke(calls, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }));
    }

    private static synchronized void before(Method method) {
        String call = method.getName();
        if (call.equals("launch") || call.equals("gemm")) {
            launches++;
        } else if (call.equals("allocate")) {
            allocations++;
            if (allocations >= fullAt) {
                throw new CudaException(2, "[driver] cuMemAllocAsync: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory");
            }
        }
        if (launches >= lostAt && !PROPERTIES.contains(call)) {
            throw new CudaException(700, "[driver] %s: CUDA_ERROR_ILLEGAL_ADDRESS (700), an illegal memory access was encountered".formatted(call));
        }
    }
}

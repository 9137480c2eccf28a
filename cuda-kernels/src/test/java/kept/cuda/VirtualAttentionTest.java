package kept.cuda;

import kept.cuda.driver.DeviceAttribute;
import kept.tensor.Scope;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** The set-up of tests of attention's kernels on the virtual GPU. */
abstract class VirtualAttentionTest {
    /** Maximum shared memory per block of compute capability 8.6 and 8.9, in bytes. */
    static final int SMALL = 99 << 10;
    /** Maximum shared memory per block of compute capability 9.0, in bytes. */
    static final int LARGE = 227 << 10;

    private Scope scope;
    private Gpu gpu;

    @BeforeEach
    void open() {
        scope = Scope.open(VirtualCudaProvider.testDevice());
        gpu = VirtualCudaProvider.testBackend().gpu();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    /** Returns {@link #LARGE}, or what the GPU has. */
    final int large() {
        return Math.min(LARGE, gpu.driver().attribute(gpu.ordinal(), DeviceAttribute.SHARED_MEMORY_OPT_IN));
    }

    final Gpu gpu() {
        return gpu;
    }
}

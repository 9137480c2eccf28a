package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Random;
import kept.cuda.driver.Driver;
import kept.cuda.virtual.KernelFault;
import kept.cuda.virtual.VirtualGpu;
import org.junit.jupiter.api.Test;

/** Copies through the staging buffers on a deferring device: every synchronization is necessary, and none is missing. */
class StagingTest {
    /** Larger than both staging buffers. */
    private static final int BYTES = (9 << 20) + 5;

    /** Opens a backend on a driver one of whose calls does nothing. */
    private static Gpu without(String missing) {
        VirtualGpu gpu = VirtualGpu.open().deferring();
        var driver = (Driver) Proxy.newProxyInstance(Driver.class.getClassLoader(), new Class<?>[] {Driver.class}, (_, method, arguments) -> {
            try {
                return method.getName().equals(missing) ? null : method.invoke(gpu.driver(), arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
        return new CudaBackend(driver, gpu.blas(), 0).gpu();
    }

    private static byte[] random() {
        byte[] bytes = new byte[BYTES];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    private static byte[] throughDevice(Gpu gpu, byte[] bytes) {
        byte[] back = new byte[bytes.length];
        try (Gpu.Scratch memory = gpu.scratch(bytes.length)) {
            gpu.upload(MemorySegment.ofArray(bytes), memory.address());
            gpu.download(memory.address(), MemorySegment.ofArray(back));
        }
        return back;
    }

    @Test
    void largeCopiesAreComplete() {
        byte[] bytes = random();
        assertThat(throughDevice(without("none"), bytes)).isEqualTo(bytes);
    }

    @Test
    void aMissingWaitForTheOtherBufferIsAFault() {
        assertThatThrownBy(() -> throughDevice(without("synchronizeEvent"), random())).isInstanceOf(KernelFault.class).message()
                .contains("the host writes 1,048,581 bytes", "a queued copy to the device reads: nothing waited for it");
    }

    @Test
    void aMissingWaitBeforeTheHostReadsIsAFault() {
        Gpu gpu = without("synchronize");
        assertThatThrownBy(() -> throughDevice(gpu, new byte[100])).isInstanceOf(KernelFault.class).message()
                .contains("the host reads 100 bytes", "a queued copy from the device fills: nothing waited for it");
    }
}

package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import kept.backend.Buffer;
import kept.backend.MemoryUsage;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.cuda.virtual.KernelFault;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.OutOfMemoryException;
import org.junit.jupiter.api.Test;

/** The errors for exhausted device memory, for a kernel's access out of bounds, and for memory that is still in use at close. */
class DeviceMemoryTest {
    private static final long MIB = 1L << 20;
    /** The workspace of cuBLAS. */
    private static final long WORKSPACE = 32 * MIB;

    @Test
    void outOfMemoryNamesTheRequestTheUsageAndTheRemedy() {
        CudaBackend backend = backend(VirtualGpu.open(64 * MIB));
        Buffer held = backend.allocate(20 * MIB + 1);
        long inUse = WORKSPACE + 20 * MIB + 256;
        long free = 64 * MIB - WORKSPACE - 20 * MIB - 1;
        assertThatThrownBy(() -> backend.allocate(13 * MIB)).isInstanceOf(OutOfMemoryException.class).hasMessage(
                ("[allocate] out of memory on cuda: cannot allocate %d bytes; %d bytes are in use by this process, "
                        + "%d of %d bytes of the device are free; %s").formatted(13 * MIB, inUse, free, 64 * MIB,
                                "use a smaller batch or sequence, activation checkpointing, or close scopes earlier"));
        // The failed allocation leaves the usage unchanged.
        assertThat(backend.memoryUsage()).extracting(MemoryUsage::inUse).isEqualTo(inUse);
        backend.release(held);
        backend.release(backend.allocate(32 * MIB));
        backend.close();
    }

    @Test
    void thePoolIsTrimmedBeforeAnAllocationFails() {
        VirtualGpu gpu = VirtualGpu.open();
        boolean[] trimmed = new boolean[1];
        // Free memory is fragmented until the pool releases it.
        Driver fragmented = (Driver) Proxy.newProxyInstance(Driver.class.getClassLoader(), new Class<?>[] {Driver.class}, (_, method, arguments) -> {
            if (method.getName().equals("allocate") && (long) arguments[0] == 13 * MIB && !trimmed[0]) {
                throw new CudaException(2, "[driver] cuMemAllocAsync: CUDA_ERROR_OUT_OF_MEMORY (2)");
            }
            trimmed[0] |= method.getName().equals("trim");
            return method.invoke(gpu.driver(), arguments);
        });
        CudaBackend backend = new CudaBackend(fragmented, gpu.blas(), 0);
        Buffer block = backend.allocate(13 * MIB);
        assertThat(trimmed[0]).isTrue();
        backend.release(block);
        backend.close();
    }

    @Test
    void aStorePastTheEndOfABufferOfAnySizeIsAFault() {
        Gpu gpu = backend(VirtualGpu.open()).gpu();
        for (int elements : new int[] {1, 25, 63, 64, 65, 100, 1001}) {
            try (Gpu.Scratch out = gpu.scratch(4L * elements)) {
                store(gpu, out, elements, 0);
                assertThatThrownBy(() -> store(gpu, out, elements, 1)).as("%d elements", elements).isInstanceOf(KernelFault.class).message()
                        .contains("kernel store_past_end", "writes 4 bytes at 0x", "0 bytes past the end of allocation",
                                "of %,d bytes".formatted(4 * elements));
            }
        }
        gpu.close();
    }

    @Test
    void aKernelFaultIsReportedByALaterCall() {
        Gpu gpu = backend(VirtualGpu.open().faultingLater()).gpu();
        Gpu.Scratch out = gpu.scratch(400);
        store(gpu, out, 100, 1);
        assertThatThrownBy(gpu::synchronize).isInstanceOf(CudaException.class).hasMessageContaining("store_past_end");
    }

    @Test
    void closingADeviceWithLiveTensorsNamesTheirNumberAndSize() {
        CudaBackend backend = backend(VirtualGpu.open());
        backend.allocate(100);
        backend.allocate(1000);
        backend.release(backend.allocate(5000));
        assertThatThrownBy(backend::close).isInstanceOf(IllegalStateException.class)
                .hasMessage("[close] 2 tensors of 1280 bytes still live on the device: close their scopes first");
    }

    @Test
    void aDoubleFreeIsRefused() {
        CudaBackend backend = backend(VirtualGpu.open());
        Buffer block = backend.allocate(100);
        backend.release(block);
        assertThatThrownBy(() -> backend.release(block)).isInstanceOf(IllegalStateException.class).hasMessageContaining("100 bytes");
        backend.close();
    }

    private static CudaBackend backend(VirtualGpu gpu) {
        return new CudaBackend(gpu.driver(), gpu.blas(), 0);
    }

    /** Launches a kernel that writes one element too many if {@code faulty} is 1. */
    private static void store(Gpu gpu, Gpu.Scratch out, int elements, int faulty) {
        gpu.launch("virtual/faults", "store_past_end", Grid.of(Math.ceilDiv(elements + 1, 64), 64))
                .i64(out.address()).i32(elements).i32(faulty).run();
    }
}

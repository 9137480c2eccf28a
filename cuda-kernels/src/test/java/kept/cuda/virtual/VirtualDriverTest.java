package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Grid;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class VirtualDriverTest {
    private final Device device = new Device(VirtualGpu.open(1 << 20));
    private final VirtualDriver driver = device.driver;

    private static void refused(int status, String message, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(CudaException.class, e -> assertThat(e.status()).isEqualTo(status))
                .message().contains(message);
    }

    @Test
    void memoryHasTheConfiguredSize() {
        assertThat(driver.totalMemory(0)).isEqualTo(1 << 20);
        long half = device.empty(1 << 19);
        assertThat(driver.freeMemory()).isEqualTo(1 << 19);
        assertThatThrownBy(() -> device.empty((1 << 19) + 1)).isInstanceOfSatisfying(CudaException.class, e -> assertThat(e.isOutOfMemory()).isTrue())
                .message().contains("cuMemAllocAsync: CUDA_ERROR_OUT_OF_MEMORY (2): 524289 bytes, with 524288 of 1048576 bytes free");
        driver.free(half, device.stream);
        device.empty(1 << 20);
    }

    @Test
    void thePoolKeepsFreedMemoryUntilItIsTrimmed() {
        driver.setReleaseThreshold(0, Long.MAX_VALUE);
        long block = device.empty(1000);
        driver.free(block, device.stream);
        assertThat(driver.reserved(0)).isEqualTo(1000);
        device.empty(600);
        assertThat(driver.reserved(0)).isEqualTo(1000);
        driver.trim(0);
        assertThat(driver.reserved(0)).isEqualTo(600);
    }

    @Test
    void addressesAreCheckedInEveryCopy() {
        long block = device.upload(1, 2, 3, 4);
        refused(1, "cuMemcpyHtoDAsync: CUDA_ERROR_INVALID_VALUE (1): 16 bytes at", () -> device.copy(new byte[16], block + 8));
        refused(1, "cuMemsetD8Async", () -> driver.set(block, (byte) 0, 17, device.stream));
        refused(1, "0 bytes past the end of allocation 1 of 16 bytes", () -> device.download(block + 16, 1));
        refused(1, "overlap", () -> driver.copyOnDevice(block, block + 4, 8, device.stream));
        driver.copyOnDevice(block, block + 8, 8, device.stream);
        assertThat(device.ints(block, 4)).containsExactly(1, 2, 1, 2);
        driver.free(block, device.stream);
        refused(1, "which was freed", () -> driver.free(block, device.stream));
        refused(1, "which was freed", () -> device.ints(block, 1));
    }

    @Test
    void uninitializedBytesStaySoThroughCopiesAndTheHostCannotReadThem() {
        long from = device.empty(32);
        long to = device.empty(32);
        device.copy(new byte[16], from);
        driver.copyOnDevice(from, to, 32, device.stream);
        assertThat(device.ints(to, 4)).containsExactly(0, 0, 0, 0);
        assertThatThrownBy(() -> device.ints(to, 5)).isInstanceOf(KernelFault.class).message().contains("byte 16 of allocation 2 of 32 bytes");
        driver.set(to, (byte) 1, 32, device.stream);
        assertThat(device.ints(to, 8)).containsOnly(0x01010101);
    }

    @Test
    void launchesAreCheckedAgainstTheKernelAndTheDevice() {
        long out = device.empty(256);
        long kernel = device.kernel("faults", "past_dynamic_shared");
        refused(1, "past_dynamic_shared with 1056 threads a block; 1024 are the most",
                () -> device.launch(kernel, new Grid(1, 1, 1, 33, 32), 0, out, 0));
        refused(1, "past_dynamic_shared with 49153 + 0 bytes of shared memory; 49152 are allowed to it",
                () -> device.launch(kernel, Grid.of(1, 32), 49153, out, 0));
        refused(1, "past_dynamic_shared with 8 bytes of arguments; it takes 12", () -> device.launch(kernel, Grid.of(1, 32), 128, out));
        refused(1, "past_dynamic_shared with 16 bytes of arguments; it takes 12", () -> device.launch(kernel, Grid.of(1, 32), 128, out, out));
        refused(1, "along y and z; 65535 are the most", () -> device.launch(kernel, new Grid(1, 65536, 1, 32, 1), 128, out, 0));
        refused(1, "232448 are the most", () -> driver.allowSharedMemory(kernel, 228 << 10));
        driver.allowSharedMemory(kernel, 227 << 10);
        device.launch(kernel, Grid.of(1, 32), 227 << 10, out, 0);
        assertThat(device.floats(out, 32)).containsOnly(1);
        assertThat(device.gpu.launches()).isEqualTo(1);
    }

    @Test
    void kernelsReportTheLayoutOfTheirParameters() {
        assertThat(driver.parameters(device.kernel("samples", "functions")).toString())
                .isEqualTo("[Parameter[offset=0, size=40], Parameter[offset=40, size=8], Parameter[offset=48, size=4]]");
        refused(500, "no kernel nothing", () -> device.kernel("samples", "nothing"));
        refused(218, "bad.ptx:1: no .version", () -> device.kernel("bad", "", "nothing"));
    }

    @Test
    void handlesAreCheckedAndAContextIsNeeded() throws InterruptedException {
        refused(400, "no stream 0x1", () -> driver.synchronize(1));
        long event = driver.createEvent();
        driver.record(event, device.stream);
        long later = driver.createEvent();
        driver.record(later, device.stream);
        assertThat(driver.elapsed(event, later)).isNotNegative();
        driver.destroyEvent(event);
        refused(400, "no event", () -> driver.synchronizeEvent(event));
        var failure = new Throwable[1];
        Thread thread = Thread.ofPlatform().start(() -> {
            try {
                driver.allocate(16, 0);
            } catch (CudaException e) {
                failure[0] = e;
            }
        });
        thread.join();
        assertThat(failure[0]).hasMessageContaining("cuMemAllocAsync: CUDA_ERROR_INVALID_CONTEXT (201): no context is current on this thread");
    }

    @Test
    void pinnedMemoryIsHostMemory() {
        MemorySegment memory = driver.allocatePinned(64);
        memory.set(ValueLayout.JAVA_INT, 0, 42);
        long block = device.empty(64);
        driver.copyToDevice(memory, block, device.stream);
        assertThat(device.ints(block, 1)).containsExactly(42);
        driver.freePinned(memory);
        refused(1, "is no pinned memory", () -> driver.freePinned(memory));
    }
}

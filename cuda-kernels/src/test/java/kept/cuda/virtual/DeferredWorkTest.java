package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.cublas.DataType;
import kept.cuda.cublas.Gemm;
import kept.cuda.cublas.Matrix;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;

/** A deferring device runs queued work only when something waits for it; host accesses before that are faults. */
class DeferredWorkTest {
    private static final int POISON = 0x7b7b7b7b;

    private final Device device = new Device(VirtualGpu.open().deferring());
    private final VirtualDriver driver = device.driver;
    private final MemorySegment pinned = driver.allocatePinned(64);

    private int word(int index) {
        return pinned.getAtIndex(ValueLayout.JAVA_INT, index);
    }

    private void put(int value) {
        try (Arena arena = Arena.ofConfined()) {
            driver.writePinned(arena.allocateFrom(ValueLayout.JAVA_INT, value), pinned.asSlice(0, 4));
        }
    }

    private int read() {
        MemorySegment word = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);
        driver.readPinned(pinned.asSlice(0, 4), word);
        return word.get(ValueLayout.JAVA_INT, 0);
    }

    @Test
    void aHostReadBeforeSynchronizationIsAFaultAndFindsPoison() {
        long from = device.upload(42);
        driver.copyToHost(from, pinned.asSlice(0, 4), device.stream);
        assertThat(word(0)).isEqualTo(POISON);
        assertThatThrownBy(this::read).isInstanceOf(KernelFault.class).message()
                .contains("the host reads 4 bytes at 0x", "4 bytes of which a queued copy from the device fills: nothing waited for it");
        driver.synchronize(device.stream);
        assertThat(read()).isEqualTo(42);
    }

    @Test
    void aHostWriteToTheSourceOfAQueuedCopyIsAFault() {
        long to = device.empty(4);
        put(1);
        driver.copyToDevice(pinned.asSlice(0, 4), to, device.stream);
        assertThatThrownBy(() -> put(2)).isInstanceOf(KernelFault.class).message()
                .contains("the host writes 4 bytes at 0x", "4 bytes of which a queued copy to the device reads: nothing waited for it");
        pinned.setAtIndex(ValueLayout.JAVA_INT, 0, 2);
        assertThatThrownBy(() -> driver.synchronize(device.stream)).isInstanceOf(KernelFault.class).message()
                .contains("was written by the host before the copy was done: nothing waited for it");
        put(3);
        driver.copyToDevice(pinned.asSlice(0, 4), to, device.stream);
        driver.synchronize(device.stream);
        assertThat(word(0)).as("staging memory after its copy").isEqualTo(POISON);
        assertThat(device.ints(to, 1)).containsExactly(3);
    }

    @Test
    void synchronizingAnEventRunsTheWorkBeforeIt() {
        long to = device.empty(4);
        long before = driver.createEvent();
        long after = driver.createEvent();
        driver.synchronizeEvent(after);
        put(5);
        driver.record(before, device.stream);
        driver.copyToDevice(pinned.asSlice(0, 4), to, device.stream);
        driver.record(after, device.stream);
        assertThatThrownBy(() -> driver.elapsed(before, after)).isInstanceOf(CudaException.class).hasMessageContaining("CUDA_ERROR_NOT_READY (600)");
        driver.synchronizeEvent(after);
        put(6);
        assertThat(driver.elapsed(before, after)).isNotNegative();
        assertThat(device.ints(to, 1)).containsExactly(5);
    }

    @Test
    void pageableMemoryIsReadAndFilledBeforeACopyReturns() {
        assertThat(device.ints(device.upload(1, 2, 3), 3)).containsExactly(1, 2, 3);
    }

    @Test
    void kernelsProductsAndCopiesRunInTheOrderOfTheStream() {
        long a = device.upload(2f);
        long b = device.empty(4);
        long c = device.empty(4);
        long kernel = device.kernel("faults", "unwritten_global");
        device.launch(kernel, Grid.of(1, 1), 0, a, b);
        VirtualBlas blas = device.gpu.blas();
        var left = new Matrix(b, DataType.F32, 1, 0, false);
        blas.gemm(blas.create(device.stream), new Gemm(1, 1, 1, 1, left, left, 0, new Matrix(c, DataType.F32, 1, 0, false), 1));
        driver.copyOnDevice(c, a, 4, device.stream);
        driver.set(c, (byte) 0, 4, device.stream);
        driver.free(b, device.stream);
        assertThat(device.gpu.laneInstructions()).as("instructions before the wait").isZero();
        assertThat(device.floats(a, 1)).containsExactly(4);
        assertThat(device.floats(c, 1)).containsExactly(0);
        assertThat(device.gpu.kernels()).containsExactly("unwritten_global");
    }

    @Test
    void memoryIsUsedByKernelsBeforeItsReleaseAndByNoneAfter() {
        long a = device.upload(2f);
        long b = device.empty(4);
        long kernel = device.kernel("faults", "unwritten_global");
        device.launch(kernel, Grid.of(1, 1), 0, a, b);
        driver.free(a, device.stream);
        assertThatThrownBy(() -> driver.free(a, device.stream)).isInstanceOf(CudaException.class).hasMessageContaining("which was freed");
        assertThatThrownBy(() -> device.floats(a, 1)).isInstanceOf(CudaException.class).hasMessageContaining("which was freed");
        assertThat(device.floats(b, 1)).containsExactly(2);
        device.launch(kernel, Grid.of(1, 1), 0, a, b);
        assertThatThrownBy(() -> driver.synchronize(device.stream)).isInstanceOf(KernelFault.class).message()
                .contains("kernel unwritten_global", "of 4 bytes at 0x", "which was freed");
        assertThat(device.floats(b, 1)).as("the queue continues after a fault").containsExactly(2);
    }

    @Test
    void pinnedMemoryIsNotFreedUnderACopy() {
        driver.copyToHost(device.upload(1), pinned.asSlice(0, 4), device.stream);
        assertThatThrownBy(() -> driver.freePinned(pinned)).isInstanceOf(CudaException.class).hasMessageContaining("nothing waited for it");
        driver.synchronize(device.stream);
        driver.freePinned(pinned);
    }
}

package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.cuda.driver.CudaException;
import kept.cuda.driver.Grid;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Wrong calls that reserve addresses and map memory to them, each refused or a fault at the access, and right ones. */
class VirtualAddressesTest {
    private static final long UNIT = 2L << 20;

    private final Device device = new Device(VirtualGpu.open(8 * UNIT).mappingMemory());
    private final VirtualDriver driver = device.driver;
    private final long range = driver.reserveAddresses(16 * UNIT);

    private static void refused(String text, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(CudaException.class).hasMessageContaining("CUDA_ERROR_INVALID_VALUE (1)").hasMessageContaining(text);
    }

    private long mapped(long at, long bytes) {
        long memory = driver.createMemory(0, bytes);
        driver.map(range + at, bytes, memory);
        driver.setAccess(range + at, bytes, 0);
        return memory;
    }

    private void fill(long address) {
        device.launch(device.kernel("faults", "store_past_end"), Grid.of(1, 64), 0, address, 64, 0);
    }

    @Test
    void mappedMemoryIsReadAndWrittenAcrossMappings() {
        mapped(0, UNIT);
        mapped(UNIT, 3 * UNIT);
        driver.set(range + 100, (byte) 3, 4 * UNIT - 100, device.stream);
        fill(range + UNIT - 128);
        assertThat(device.floats(range + UNIT - 128, 64)).startsWith(0, 1).endsWith(62, 63);
        assertThat(device.download(range + 4 * UNIT - 1, 1).get()).isEqualTo((byte) 3);
    }

    @Test
    void accessWithoutMemoryOrWithoutAccessIsAFault() {
        assertThatThrownBy(() -> fill(range + 4)).isInstanceOf(KernelFault.class)
                .message().contains("kernel store_past_end", "writes 4 bytes at 0x", "byte 4 of reserved range 1 of", "where no memory is mapped");
        long memory = driver.createMemory(0, UNIT);
        driver.map(range, UNIT, memory);
        assertThatThrownBy(() -> fill(range)).isInstanceOf(KernelFault.class).message().contains("byte 0 of reserved range 1", "no access was set");
        driver.setAccess(range, UNIT, 0);
        fill(range);
        assertThatThrownBy(() -> fill(range + UNIT - 128)).isInstanceOf(KernelFault.class).message().contains("where no memory is mapped");
        driver.unmap(range, UNIT);
        assertThatThrownBy(() -> fill(range)).isInstanceOf(KernelFault.class).message().contains("where no memory is mapped");
        // What is mapped next is other memory.
        driver.map(range, UNIT, memory);
        driver.setAccess(range, UNIT, 0);
        assertThatThrownBy(() -> device.floats(range, 1)).isInstanceOf(KernelFault.class).hasMessageContaining("was never written");
    }

    @Test
    void wrongCallsAreRefused() {
        long memory = mapped(2 * UNIT, 2 * UNIT);
        refused("cuMemAddressReserve", () -> driver.reserveAddresses(UNIT + 1));
        refused("size %d is no multiple".formatted(UNIT / 2), () -> driver.createMemory(0, UNIT / 2));
        refused("is already mapped", () -> driver.map(range, 2 * UNIT, memory));
        long other = driver.createMemory(0, UNIT);
        refused("memory is already mapped to 0x", () -> driver.map(range + 3 * UNIT, UNIT, other));
        refused("has %d bytes, not %d".formatted(UNIT, 2 * UNIT), () -> driver.map(range, 2 * UNIT, other));
        refused("are not reserved", () -> driver.map(range + 16 * UNIT, UNIT, other));
        refused("is no multiple", () -> driver.map(range + 4096, UNIT, other));
        refused("no physical memory 0x7", () -> driver.map(range, UNIT, 7));
        refused("no memory is mapped to a part", () -> driver.setAccess(range + 3 * UNIT, 2 * UNIT, 0));
        refused("are no mapping", () -> driver.unmap(range + 2 * UNIT, UNIT));
        refused("are no mapping", () -> driver.unmap(range, UNIT));
        refused("is still mapped", () -> driver.releaseMemory(memory));
        refused("no physical memory", () -> driver.releaseMemory(7));
        refused("memory is still mapped to reserved range", () -> driver.freeAddresses(range, 16 * UNIT));
        refused("are no reserved range", () -> driver.freeAddresses(range, UNIT));
        driver.releaseMemory(other);
        driver.unmap(range + 2 * UNIT, 2 * UNIT);
        driver.releaseMemory(memory);
        refused("no physical memory", () -> driver.releaseMemory(memory));
        driver.freeAddresses(range, 16 * UNIT);
        refused("are not reserved", () -> driver.map(range, UNIT, other));
        assertThat(driver.createdMemory()).isZero();
    }

    @Test
    void physicalMemoryRunsOut() {
        long first = driver.createMemory(0, 5 * UNIT);
        device.empty(UNIT);
        assertThat(driver.freeMemory()).isEqualTo(2 * UNIT);
        assertThatThrownBy(() -> driver.createMemory(0, 3 * UNIT)).isInstanceOfSatisfying(CudaException.class,
                e -> assertThat(e.isOutOfMemory()).isTrue()).hasMessageContaining("cuMemCreate").hasMessageContaining("%d of %d bytes free"
                        .formatted(2 * UNIT, 8 * UNIT));
        driver.releaseMemory(first);
        driver.releaseMemory(driver.createMemory(0, 7 * UNIT));
    }
}

package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;

/** Memory larger than this process has, launches of which only some blocks run, and kernels with planted errors that only sizes show. */
class LargeMemoryTest {
    private static final long LARGE = 1L << 40;
    /** More bytes than a signed integer counts. */
    private static final long MORE = (1L << 31) + 4096;

    private final Device device = new Device(VirtualGpu.open(LARGE));

    /** The low byte of a number that differs wherever an index loses a high bit. */
    private static byte at(long offset) {
        return (byte) (offset ^ offset >>> 16 ^ offset >>> 29);
    }

    private long operand(long bytes) {
        long address = device.empty(bytes);
        device.gpu.setContents(address, (offset, page) -> {
            for (int i = 0; i < page.length; i++) {
                page[i] = at(offset + i);
            }
        });
        return address;
    }

    private byte byteAt(long address) {
        return device.download(address, 1).get();
    }

    @Test
    void anAllocationLargerThanTheHeapHasItsContentsWhereTheyAreRead() {
        long operand = operand(LARGE / 2);
        for (long offset : new long[] {0, 65_535, 65_536, Integer.MAX_VALUE, 1L << 31, 1L << 32, LARGE / 2 - 1}) {
            assertThat(byteAt(operand + offset)).as("byte %d", offset).isEqualTo(at(offset));
        }
        assertThat(device.gpu.changes(operand)).isEmpty();
    }

    @Test
    void writesAreKeptAndReportedAsChanges() {
        long operand = operand(MORE);
        byte[] bytes = {1, 2, 3, 4};
        device.copy(bytes, operand + 65_534);
        device.copy(bytes, operand + MORE - 4);
        assertThat(device.download(operand + 65_534, 4).array()).isEqualTo(bytes);
        assertThat(byteAt(operand + 65_533)).isEqualTo(at(65_533));
        assertThat(device.gpu.changes(operand)).contains(new MemoryRange(65_534, 4), new MemoryRange(MORE - 4, 4)).hasSize(2);
    }

    @Test
    void aMemsetAndCopiesOnTheDeviceReachEveryPage() {
        long set = device.empty(MORE);
        device.driver.set(set + 1, (byte) 7, MORE - 2, device.stream);
        assertThat(byteAt(set + 1)).isEqualTo((byte) 7);
        assertThat(byteAt(set + (1L << 31))).isEqualTo((byte) 7);
        for (long unwritten : new long[] {0, MORE - 1}) {
            assertThatThrownBy(() -> byteAt(set + unwritten)).isInstanceOf(KernelFault.class)
                    .hasMessageContaining("of which byte %,d of allocation 1 of %,d bytes".formatted(unwritten, MORE));
        }
        long operand = operand(MORE);
        device.driver.copyOnDevice(operand + (1L << 31) - 100, set + 65_500, 200, device.stream);
        byte[] copied = device.download(set + 65_499, 202).array();
        byte[] expected = new byte[202];
        Arrays.fill(expected, (byte) 7);
        for (int i = 0; i < 200; i++) {
            expected[i + 1] = at((1L << 31) - 100 + i);
        }
        assertThat(copied).isEqualTo(expected);
    }

    @Test
    void faultsNameBytesBeyond32Bits() {
        long operand = device.empty(MORE);
        assertThatThrownBy(() -> byteAt(operand + (1L << 31))).isInstanceOf(KernelFault.class)
                .hasMessageContaining("of which byte 2,147,483,648 of allocation 1 of 2,147,487,744 bytes");
        assertThatThrownBy(() -> byteAt(operand + MORE)).hasMessageContaining("0 bytes past the end of allocation 1 of 2,147,487,744 bytes");
        long kernel = device.kernel("faults", "misaligned");
        assertThatThrownBy(() -> device.launch(kernel, Grid.of(1, 32), 0, operand + 65_536 - 12 - 16, device.empty(128), 0))
                .isInstanceOf(KernelFault.class).hasMessageContaining("which is no multiple of 16 (byte 65,524 of allocation 1");
    }

    @Test
    void ofALargeLaunchTheFirstTheLastAndTheChosenBlocksRun() {
        long bytes = 1L << 32;
        long in = operand(bytes);
        long out = device.empty(bytes);
        device.gpu.sampleBlocks(0.5);
        device.launch(device.kernel("faults", "narrow_index"), Grid.of(bytes / 256, 256), 0, in, out, bytes, 0);
        assertThat(device.gpu.changes(out)).containsExactly(new MemoryRange(0, 512), new MemoryRange((1L << 31) - 256, 768),
                new MemoryRange(bytes - 512, 512));
        device.gpu.runAllBlocks();
        device.launch(device.kernel("faults", "narrow_index"), Grid.of(100, 256), 0, in, out, 25_600L, 0);
        assertThat(device.gpu.changes(out)).first().isEqualTo(new MemoryRange(0, 25_600));
    }

    /** The second turn's elements are missing only where the grid is smaller than the elements. */
    @Test
    void aLoopOverTheGridWithoutASecondTurn() {
        int count = 1024;
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = i;
        }
        for (int multiprocessors : new int[] {1, 4, 132}) {
            for (int faulty = 0; faulty < 2; faulty++) {
                var of = new Device(VirtualGpu.open().multiprocessors(multiprocessors));
                int blocks = Math.min(count / 256, of.driver.attribute(0, DeviceAttribute.MULTIPROCESSORS));
                long out = of.empty(4L * count);
                of.launch(of.kernel("faults", "second_turn"), Grid.of(blocks, 256), 0, of.upload(values), out, count, faulty);
                if (faulty == 1 && multiprocessors == 1) {
                    assertThatThrownBy(() -> of.floats(out, count)).isInstanceOf(KernelFault.class)
                            .hasMessageContaining("of which byte 1,024 of allocation 1 of 4,096 bytes");
                } else {
                    assertThat(of.floats(out, count)).startsWith(0, 2).endsWith(2 * 1023);
                }
            }
        }
    }

    @Test
    void anIndexOf32Bits() {
        long in = operand(MORE);
        long out = device.empty(MORE);
        long kernel = device.kernel("faults", "narrow_index");
        device.gpu.sampleBlocks((double) (1L << 31) / MORE);
        device.launch(kernel, Grid.of(MORE / 256, 256), 0, in, out, MORE, 0);
        for (long offset : new long[] {0, Integer.MAX_VALUE, 1L << 31, MORE - 1}) {
            assertThat(byteAt(out + offset)).as("byte %d", offset).isEqualTo((byte) (at(offset) + 1));
        }
        assertThatThrownBy(() -> device.launch(kernel, Grid.of(MORE / 256, 256), 0, in, out, MORE, 1)).isInstanceOf(KernelFault.class)
                .message().contains("kernel narrow_index, faults.ptx:", "thread (0,0,0): reads 1 bytes at 0x");
    }

    /** A row of other contents: the address is valid, so the kernel does not fault. */
    @Test
    void theOffsetOfARowIn32Bits() {
        int width = 1000;
        long rows = (1L << 32) / width + 100;
        long in = operand(2 * rows * width);
        long out = device.empty(2 * rows * width);
        long kernel = device.kernel("faults", "narrow_row");
        device.gpu.sampleBlocks();
        for (int faulty = 0; faulty < 2; faulty++) {
            device.launch(kernel, Grid.of(rows, 128), 0, in, out, width, faulty);
            long last = (rows - 1) * width;
            assertThat(device.download(out, 2).getShort()).isEqualTo(twoAt(0));
            assertThat(device.download(out + 2 * last, 2).getShort() == twoAt(last)).as("faulty %d", faulty).isEqualTo(faulty == 0);
        }
    }

    private static short twoAt(long element) {
        byte[] bytes = {at(2 * element), at(2 * element + 1)};
        return (short) (ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getShort() ^ 1);
    }
}

package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import kept.cuda.driver.Grid;
import kept.cuda.virtual.VirtualGpu;
import kept.cuda.virtual.VirtualMachine;
import org.junit.jupiter.api.Test;

/** Several GPUs of one process: each call reaches the device that it is for, on any thread. */
class SeveralGpusTest {
    private final List<VirtualGpu> gpus = List.of(VirtualGpu.open(), VirtualGpu.open());
    private final VirtualMachine machine = new VirtualMachine(gpus.toArray(VirtualGpu[]::new));

    @Test
    void eachLaunchAndCopyReachesItsDevice() throws InterruptedException {
        List<Gpu> devices = List.of(new Gpu(machine.driver(), machine.blas(), 0), new Gpu(machine.driver(), machine.blas(), 1));
        List<CudaBuffer> buffers = new ArrayList<>();
        for (Gpu device : devices) {
            buffers.add(device.memory().allocate(4 * Double.BYTES));
        }
        Runnable turns = () -> {
            for (int turn = 0; turn < 6; turn++) {
                Gpu device = devices.get(turn % 2);
                int launches = gpus.get(turn % 2).launches();
                assertThat(sum(device, buffers.get(turn % 2), turn)).isEqualTo(3 * turn + 3);
                assertThat(gpus.get(turn % 2).launches()).isEqualTo(launches + 1);
            }
        };
        turns.run();
        var failures = new ArrayList<Throwable>();
        Thread other = new Thread(turns);
        other.setUncaughtExceptionHandler((_, failure) -> failures.add(failure));
        other.start();
        other.join();
        assertThat(failures).isEmpty();
        turns.run();
        for (int i = 0; i < devices.size(); i++) {
            devices.get(i).memory().release(buffers.get(i));
            devices.get(i).close();
        }
    }

    /** Copies numbers to a device, adds them there and copies the sum back. */
    private static double sum(Gpu device, CudaBuffer buffer, int value) {
        device.upload(MemorySegment.ofArray(new double[] {value, value + 1, value + 2}), buffer.address() + Double.BYTES);
        device.launch("optimizer", "total_of_chunks_f64", Grid.of(1, 1024)).i64(buffer.address() + Double.BYTES).i64(buffer.address()).i64(3).run();
        return Double.longBitsToDouble(device.readLong(buffer.address()));
    }
}

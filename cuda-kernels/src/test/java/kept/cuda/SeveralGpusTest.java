package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.cuda.virtual.VirtualGpu;
import org.junit.jupiter.api.Test;

/** Several GPUs of one process: each call reaches the device that it is for, on any thread. */
class SeveralGpusTest {
    /** Contexts of the machine are those of its devices times this, plus the device's ordinal. */
    private static final long DEVICES = 16;

    private final List<VirtualGpu> gpus = List.of(VirtualGpu.open(), VirtualGpu.open());
    private final ThreadLocal<Integer> current = new ThreadLocal<>();

    /** One driver with several devices: calls reach the device that they name, or that whose context is current on the thread. */
    private Driver driver() {
        return (Driver) Proxy.newProxyInstance(Driver.class.getClassLoader(), new Class<?>[] {Driver.class}, (_, method, arguments) ->
                switch (method.getName()) {
                    case "deviceCount" -> gpus.size();
                    case "version" -> gpus.getFirst().driver().version();
                    case "deviceName", "attribute", "totalMemory", "releasePrimaryContext", "setReleaseThreshold", "trim", "reserved",
                            "retainPrimaryContext", "granularity", "createMemory" -> {
                        int device = (int) arguments[0];
                        Object[] ofOne = arguments.clone();
                        ofOne[0] = 0;
                        Object result = call(gpus.get(device).driver(), method, ofOne);
                        yield method.getName().equals("retainPrimaryContext") ? (Object) ((long) result * DEVICES + device) : result;
                    }
                    case "makeCurrent" -> {
                        int device = (int) ((long) arguments[0] % DEVICES);
                        current.set(device);
                        yield call(gpus.get(device).driver(), method, (long) arguments[0] / DEVICES);
                    }
                    default -> call(gpus.get(current.get()).driver(), method, arguments);
                });
    }

    private Blas blas() {
        return (Blas) Proxy.newProxyInstance(Blas.class.getClassLoader(), new Class<?>[] {Blas.class}, (_, method, arguments) ->
                call(gpus.get(current.get()).blas(), method, arguments));
    }

    private static Object call(Object target, Method method, Object... arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    @Test
    void eachLaunchAndCopyReachesItsDevice() throws InterruptedException {
        Driver driver = driver();
        List<Gpu> devices = List.of(new Gpu(driver, blas(), 0), new Gpu(driver, blas(), 1));
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

package kept.cuda.virtual;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.Driver;

/**
 * A machine with several virtual GPUs: one driver and one cuBLAS for all, whose calls reach the device that they name, or that whose context is
 * current on the thread, and NCCL between them.
 */
public final class VirtualMachine {
    /** Contexts of the machine are those of its devices times this, plus the device's ordinal. */
    private static final long DEVICES = 16;

    private final List<VirtualGpu> gpus;
    private final ThreadLocal<Integer> current = new ThreadLocal<>();
    private final Driver driver;
    private final Blas blas;
    private final VirtualNccl nccl = new VirtualNccl(this);

    /** A machine with some GPUs. */
    public VirtualMachine(VirtualGpu... gpus) {
        this.gpus = List.of(gpus);
        ClassLoader loader = Driver.class.getClassLoader();
        driver = (Driver) Proxy.newProxyInstance(loader, new Class<?>[] {Driver.class}, (_, method, arguments) -> driverCall(method, arguments));
        blas = (Blas) Proxy.newProxyInstance(loader, new Class<?>[] {Blas.class}, (_, method, arguments) ->
                call(this.gpus.get(current.get()).blas(), method, arguments));
    }

    private Object driverCall(Method method, Object... arguments) throws Throwable {
        return switch (method.getName()) {
            case "deviceCount" -> gpus.size();
            case "version" -> gpus.getFirst().driver().version();
            case "deviceName", "attribute", "totalMemory", "releasePrimaryContext", "setReleaseThreshold", "trim", "reserved", "uuid",
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
        };
    }

    private static Object call(Object target, Method method, Object... arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** The driver of all devices. */
    public Driver driver() {
        return driver;
    }

    /** The cuBLAS of all devices. */
    public Blas blas() {
        return blas;
    }

    /** NCCL between the devices. */
    public VirtualNccl nccl() {
        return nccl;
    }

    /** A device. */
    public VirtualGpu gpu(int device) {
        return gpus.get(device);
    }

    /** The device whose context is current on this thread; null if there is none. */
    Integer current() {
        return current.get();
    }
}

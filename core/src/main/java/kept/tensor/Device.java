package kept.tensor;

import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.backend.MemoryUsage;

/** Where tensors live and operations run: a name and the backend behind it. Devices are opened on first use and stay open with the process. */
public final class Device {
    private static final Map<String, Device> OPEN = new ConcurrentHashMap<>();

    private final String name;
    private final Backend backend;

    private Device(String name, Backend backend) {
        this.name = name;
        this.backend = new GuardedBackend(backend);
    }

    /**
     * The processor this program runs on.
     *
     * @return the CPU device, always there
     */
    public static Device cpu() {
        return of("cpu");
    }

    /**
     * The device of a name.
     *
     * @param name {@code cpu}, or another that a module on the module path provides
     * @return the device, opened if it was not
     * @throws DeviceException if no module provides it, or it cannot be used here, with the reason
     */
    public static Device of(String name) {
        return OPEN.computeIfAbsent(name, Device::open);
    }

    /**
     * The names of the devices that the modules at hand know, whether or not they can be used on this machine.
     *
     * @return the names in alphabetical order
     */
    public static List<String> names() {
        return List.copyOf(providers().keySet());
    }

    private static Device open(String name) {
        Map<String, BackendProvider> providers = providers();
        BackendProvider provider = providers.get(name);
        if (provider == null) {
            throw new DeviceException("[device] no device is called '%s'; there is %s".formatted(name, providers.keySet()));
        }
        return new Device(name, provider.open());
    }

    private static Map<String, BackendProvider> providers() {
        Map<String, BackendProvider> providers = new TreeMap<>();
        for (BackendProvider provider : ServiceLoader.load(BackendProvider.class, Device.class.getClassLoader())) {
            providers.putIfAbsent(provider.name(), provider);
        }
        return providers;
    }

    /**
     * The name users choose the device by.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * The kernels behind the device. What they use is held while they run, so that closing its scope meanwhile frees it afterwards; results whose
     * elements share memory are refused, operands that overlap a result are read from a copy, and writes are counted.
     *
     * @return the backend
     */
    public Backend backend() {
        return backend;
    }

    /**
     * What tensors occupy on this device.
     *
     * @return bytes in use, at most so far, and reserved
     */
    public MemoryUsage memoryUsage() {
        return backend.memoryUsage();
    }

    /** The device's name. */
    @Override
    public String toString() {
        return name;
    }
}

package kept.tensor;

import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.backend.MemoryUsage;
import kept.tensor.internal.Arguments;

/** Where tensors live and operations run: a name and the backend behind it. Devices are opened on first use and stay open with the process. */
public final class Device {
    /** The opened devices by each name that was requested. */
    private static final Map<String, Device> OPEN = new ConcurrentHashMap<>();
    private static final Pattern NAME = Pattern.compile("([^:]+)(?::([0-9]{1,4}))?");

    private final String name;
    private final Backend backend;

    private Device(String name, Backend backend) {
        this.name = name;
        this.backend = new GuardedBackend(backend);
    }

    /**
     * The processor this program runs on.
     *
     * @return the CPU device, which always exists
     */
    public static Device cpu() {
        return of("cpu");
    }

    /**
     * The device with a name. A name without an index means the first usable device of its kind: if that is the first GPU, {@code cuda} and {@code
     * cuda:0} are the same device.
     *
     * @param name {@code cpu}, or another that a module on the module path provides, such as {@code cuda} or {@code cuda:1}
     * @return the device, opened if it was not
     * @throws DeviceException if no module provides it, or it cannot be used here, with the reason
     */
    public static Device of(String name) {
        Device open = OPEN.get(Arguments.present("device", "the name", name));
        return open != null ? open : open(name);
    }

    /**
     * The names of the devices that the modules at hand know, whether or not they can be used on this machine: each with its index where there are
     * several of its kind.
     *
     * @return the names, kinds in alphabetical order
     */
    public static List<String> names() {
        return providers().values().stream().flatMap(provider -> {
            int count = count(provider);
            return count == 1 ? Stream.of(provider.name()) : IntStream.range(0, count).mapToObj(index -> provider.name() + ":" + index);
        }).toList();
    }

    /** A kind that cannot be used counts as one device; opening it throws with the reason. */
    private static int count(BackendProvider provider) {
        try {
            return provider.count();
        } catch (DeviceException e) {
            return 1;
        }
    }

    private static Device open(String name) {
        Matcher parts = NAME.matcher(name);
        Map<String, BackendProvider> providers = providers();
        BackendProvider provider = parts.matches() ? providers.get(parts.group(1)) : null;
        if (provider == null) {
            throw new DeviceException("[device] no device is called '%s'; there is %s".formatted(name, providers.keySet()));
        }
        int first = provider.first();
        int index = parts.group(2) == null ? first : Integer.parseInt(parts.group(2));
        int count = provider.count();
        if (index >= count) {
            throw new DeviceException("[device] there is no %s: this machine has %s".formatted(name,
                    count == 1 ? "one device of this kind, " + provider.name() : "%s:0 to %1$s:%d".formatted(provider.name(), count - 1)));
        }
        String canonical = index == first ? provider.name() : provider.name() + ":" + index;
        Device device = OPEN.computeIfAbsent(canonical, _ -> new Device(canonical, provider.open(index)));
        OPEN.put(name, device);
        return device;
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
     * The device's kernels. Memory that a running kernel uses is held: if its scope closes meanwhile, it is freed after the kernel. Results whose
     * elements share memory are refused, operands that overlap a result are read from a copy, and writes are counted.
     *
     * @return the backend
     */
    public Backend backend() {
        return backend;
    }

    /**
     * The memory that tensors occupy on this device.
     *
     * @return the bytes in use, their peak, and the bytes reserved
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

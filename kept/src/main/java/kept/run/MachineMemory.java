package kept.run;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.backend.HostLimits;
import kept.tensor.Device;

/**
 * The memory for tensors: of the machine or the process's container, or of a device with its own memory.
 *
 * @param total the bytes that a program may take: nine tenths of a machine's ({@link HostLimits#usableMemory}), all of a device's
 * @param free the bytes still available to programs, including caches of files
 */
public record MachineMemory(long total, long free) {
    /** The limit of the CPU's pool, if the user has set one. */
    private static final String LIMIT = "kept.cpu.memory";

    /**
     * Asks the system.
     *
     * @return the machine's memory
     */
    public static MachineMemory now() {
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long all = system.getTotalMemorySize();
        long total = Math.min(all, Long.getLong(LIMIT, HostLimits.ofThisProcess().usableMemory().orElse(all)));
        return new MachineMemory(total, Math.min(total, available(system.getFreeMemorySize())));
    }

    /**
     * The memory that holds the tensors of a device.
     *
     * @param device the device
     * @return its own memory, or the machine's
     */
    public static MachineMemory of(Device device) {
        return of(device, 1);
    }

    /**
     * The memory that holds the tensors of a device for one of several processes on this machine.
     *
     * @param device the device of each process
     * @param processes their number, 1 or more
     * @return the device's own memory, which the processes do not share, or an equal share of the machine's
     */
    public static MachineMemory of(Device device, int processes) {
        return device.backend().ownMemory().map(own -> new MachineMemory(own.total(), own.free())).orElseGet(() -> {
            MachineMemory all = now();
            return new MachineMemory(all.total / processes, all.free / processes);
        });
    }

    /**
     * Formats a number of bytes.
     *
     * @param bytes how many
     * @return as in {@code 1.25 GB}
     */
    public static String inWords(long bytes) {
        return bytes < 1_000_000_000 ? "%.1f MB".formatted(bytes / 1e6) : "%.2f GB".formatted(bytes / 1e9);
    }

    /** On Linux, unused memory and what could be freed. */
    private static long available(long otherwise) {
        try {
            return Files.readAllLines(Path.of("/proc/meminfo")).stream().filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10).findFirst().orElse(otherwise);
        } catch (IOException e) {
            return otherwise;
        }
    }
}

package kept.backend.cpu;

import java.util.Locale;
import kept.backend.HostLimits;
import kept.tensor.DeviceException;

/** The CPU's settings, which are system properties that are read when the device is opened. */
final class CpuSettings {
    /** The number of threads that work on a kernel, including the caller; by default one for each physical core ({@link HostLimits#processors}). */
    static final String THREADS = "kept.threads";

    /** The maximum number of bytes of tensors; by default what the host has ({@link MemoryLimit}). */
    static final String MEMORY = "kept.cpu.memory";

    /** The number of processes that share the host's memory equally; by default 1. */
    static final String PROCESSES = "kept.cpu.processes";

    /** Whether products with bf16 matrices may be machine code, {@code on} or {@code off} (the default). */
    static final String MACHINE_CODE = "kept.cpu.native";

    private static final int MAX_THREADS = 1024;

    private CpuSettings() {}

    /**
     * Checks that the Vector API is available. It is missing if the library is on the class path and the module was not added.
     *
     * @throws DeviceException if it is not available
     */
    static void requireVectors() {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
            throw new DeviceException("[device] cpu needs the Vector API: start java with --add-modules jdk.incubator.vector");
        }
    }

    /**
     * The number of threads.
     *
     * @return from 1 to 1024
     * @throws DeviceException if the property is set to something else
     */
    static int threads() {
        return (int) number(THREADS, Math.min(MAX_THREADS, HostLimits.ofThisProcess().processors()), MAX_THREADS);
    }

    /**
     * The maximum number of bytes of tensors.
     *
     * @return the number that is set, or the limit of the host
     * @throws DeviceException if a property is set to something else
     */
    static MemoryLimit memory() {
        int processes = (int) number(PROCESSES, 1, Integer.MAX_VALUE);
        return System.getProperty(MEMORY) == null ? MemoryLimit.of(HostLimits.ofThisProcess().usableMemory(), processes, MemoryLimit::heap)
                : MemoryLimit.of(number(MEMORY, Long.MAX_VALUE, Long.MAX_VALUE));
    }

    /**
     * Whether products with bf16 matrices may be machine code that rounds the other operand to bf16.
     *
     * @return the setting
     * @throws DeviceException if the property is set to something else
     */
    static boolean machineCode() {
        String text = System.getProperty(MACHINE_CODE, "off").strip();
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "on" -> true;
            case "off" -> false;
            default -> throw new DeviceException("[device] cpu: -D%s=%s is neither on nor off; correct it or leave it out"
                    .formatted(MACHINE_CODE, text));
        };
    }

    private static long number(String property, long otherwise, long most) {
        String text = System.getProperty(property);
        if (text == null) {
            return otherwise;
        }
        try {
            long value = Long.parseLong(text.strip());
            if (value >= 1 && value <= most) {
                return value;
            }
        } catch (NumberFormatException _) {
            // A value that is no number gets the same message as one out of range.
        }
        throw new DeviceException("[device] cpu: -D%s=%s is not a whole number from 1 to %d; correct it or leave it out"
                .formatted(property, text, most));
    }
}

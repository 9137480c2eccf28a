package kept.backend.cpu;

import kept.tensor.DeviceException;

/** What a user sets for the CPU by system properties, read when the device is opened. */
final class CpuSettings {
    /** The number of threads that work on a kernel, the caller's included; without it, one for each processor. */
    static final String THREADS = "kept.threads";

    /** The most bytes of tensors; without it, the operating system's limit holds. */
    static final String MEMORY = "kept.cpu.memory";

    private static final int MAX_THREADS = 1024;

    private CpuSettings() {}

    /**
     * Checks that the Vector API is there, which it is unless the library is on the class path.
     *
     * @throws DeviceException if it is not
     */
    static void requireVectors() {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
            throw new DeviceException("[device] cpu needs the Vector API: start java with --add-modules jdk.incubator.vector");
        }
    }

    /**
     * The threads wanted.
     *
     * @return from 1 to 1024
     * @throws DeviceException if the property is set to something else
     */
    static int threads() {
        return (int) number(THREADS, Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()), MAX_THREADS);
    }

    /**
     * The bytes that tensors may occupy.
     *
     * @return at least 1
     * @throws DeviceException if the property is set to something else
     */
    static long memory() {
        return number(MEMORY, Long.MAX_VALUE, Long.MAX_VALUE);
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
            // The same fault for whoever set it, and the same message.
        }
        throw new DeviceException("[device] cpu: -D%s=%s is not a whole number from 1 to %d; correct it or leave it out"
                .formatted(property, text, most));
    }
}

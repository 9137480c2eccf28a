package kept.backend;

/**
 * Opens devices of one kind. {@link java.util.ServiceLoader} lists the providers on the module path, and {@link kept.tensor.Device} asks the one with
 * the requested name.
 */
public interface BackendProvider {
    /**
     * The name users choose the device by. Where there are several devices of the kind, a colon and an index may follow it, as in {@code cuda:1}.
     *
     * @return a short lower-case name such as {@code cpu} or {@code cuda}
     */
    String name();

    /**
     * The number of devices of this kind on this machine, whether or not each can be used.
     *
     * @return the number, 1 or more
     * @throws kept.tensor.DeviceException if no device of this kind can be used here, with the reason and the remedy
     */
    default int count() {
        return 1;
    }

    /**
     * The device that the name without an index means: the first that can be used.
     *
     * @return its index
     * @throws kept.tensor.DeviceException if no device of this kind can be used here, with the reason and the remedy
     */
    default int first() {
        return 0;
    }

    /**
     * Opens a device; called at most once for each device and process.
     *
     * @param index which of the devices of this kind, from 0 to {@link #count} - 1
     * @return the device's operations
     * @throws kept.tensor.DeviceException if the device cannot be used here, with the reason and the remedy
     */
    Backend open(int index);
}

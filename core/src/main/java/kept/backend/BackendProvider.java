package kept.backend;

/**
 * How a device's implementation is found: {@link java.util.ServiceLoader} lists the providers on the module path, and {@link kept.tensor.Device} asks
 * the one whose name was wanted.
 */
public interface BackendProvider {
    /**
     * The name users choose the device by.
     *
     * @return a short lower-case name such as {@code cpu} or {@code cuda}
     */
    String name();

    /**
     * Opens the device; called at most once for each process.
     *
     * @return the device's operations
     * @throws kept.tensor.DeviceException if the device cannot be used here, with the reason and the remedy
     */
    Backend open();
}

package kept.cuda.virtual;

/**
 * Thrown when a kernel does something undefined or invalid. The message names the kernel, the line of PTX, the block, the thread and, for memory, the
 * address.
 */
public final class KernelFault extends RuntimeException {
    private static final long serialVersionUID = 1;

    KernelFault(String message) {
        super("[virtual gpu] " + message);
    }
}

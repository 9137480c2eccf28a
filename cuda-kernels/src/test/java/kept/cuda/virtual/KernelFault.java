package kept.cuda.virtual;

/**
 * What a kernel must not do, and did. The message names the kernel, the line of PTX, the block, the thread and, where memory is meant, the address.
 */
public final class KernelFault extends RuntimeException {
    private static final long serialVersionUID = 1;

    KernelFault(String message) {
        super("[virtual gpu] " + message);
    }
}

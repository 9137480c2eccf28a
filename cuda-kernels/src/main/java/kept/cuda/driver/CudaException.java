package kept.cuda.driver;

import kept.tensor.TensorException;

/** A call of the driver or of cuBLAS that failed: the message names the call, the status and its text, and the sizes involved. */
public final class CudaException extends TensorException {
    private static final long serialVersionUID = 1L;
    private static final int OUT_OF_MEMORY = 2;

    private final int status;

    /**
     * A failure with its explanation.
     *
     * @param status the driver's status (CUresult), or cuBLAS's
     * @param message the call, the status's name and text, the sizes
     */
    public CudaException(int status, String message) {
        super(message);
        this.status = status;
    }

    /**
     * What the call gave back.
     *
     * @return the status; never 0
     */
    public int status() {
        return status;
    }

    /**
     * Whether memory was what lacked (CUDA_ERROR_OUT_OF_MEMORY).
     *
     * @return true if so
     */
    public boolean isOutOfMemory() {
        return status == OUT_OF_MEMORY;
    }
}

package kept.cuda.driver;

import kept.tensor.TensorException;

/** Thrown when a call of the CUDA driver or of cuBLAS fails. The message names the call with its sizes, and the status with the library's text. */
public final class CudaException extends TensorException {
    private static final long serialVersionUID = 1L;
    /** Status of a device without enough free memory, CUDA_ERROR_OUT_OF_MEMORY. */
    public static final int OUT_OF_MEMORY = 2;

    private final int status;

    /**
     * Creates an exception.
     *
     * @param status status of the driver (CUresult) or of cuBLAS (cublasStatus_t), not 0
     * @param message message with the call, its sizes, and the name and text of the status
     */
    public CudaException(int status, String message) {
        super(message);
        this.status = status;
    }

    /**
     * Returns the status of the failed call.
     *
     * @return CUresult or cublasStatus_t, never 0
     */
    public int status() {
        return status;
    }

    /**
     * Returns whether the status is CUDA_ERROR_OUT_OF_MEMORY.
     *
     * @return true if the device has too little free memory
     */
    public boolean isOutOfMemory() {
        return status == OUT_OF_MEMORY;
    }
}

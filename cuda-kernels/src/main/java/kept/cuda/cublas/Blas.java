package kept.cuda.cublas;

/**
 * The calls of cuBLAS that the backend makes. Every failure throws a {@link kept.cuda.driver.CudaException} that names the call, the status and the
 * sizes.
 */
public interface Blas {
    /**
     * Returns the version of cuBLAS (cublasGetProperty).
     *
     * @return version, such as 120805 for 12.8.5
     */
    int version();

    /**
     * Creates a handle in the current context that queues its work on a stream (cublasCreate, cublasSetStream) and reduces in full precision only
     * (cublasSetMathMode with CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION).
     *
     * @param stream stream handle
     * @return cuBLAS handle
     */
    long create(long stream);

    /**
     * Sets the workspace of a handle, so that cuBLAS allocates none itself (cublasSetWorkspace).
     *
     * @param handle cuBLAS handle
     * @param address device address of the workspace, which must outlive the handle
     * @param bytes size in bytes
     */
    void setWorkspace(long handle, long address, long bytes);

    /**
     * Destroys a handle (cublasDestroy).
     *
     * @param handle cuBLAS handle from {@link #create}
     */
    void destroy(long handle);

    /**
     * Computes a product with f32 accumulation, or f64 for F64 operands (cublasGemmEx, cublasGemmStridedBatchedEx).
     *
     * @param handle cuBLAS handle
     * @param product operands and sizes
     */
    void gemm(long handle, Gemm product);
}

package kept.cuda.cublas;

/**
 * The calls of cuBLAS that the backend makes, on one handle of one stream. Every failure is a {@link kept.cuda.driver.CudaException} that names the
 * call, the status and the sizes.
 */
public interface Blas {
    /**
     * The library's version (cublasGetVersion).
     *
     * @return such as 120805
     */
    int version();

    /**
     * Makes the handle of the current context, which works on a stream (cublasCreate, cublasSetStream), and forbids reduced-precision reductions
     * (cublasSetMathMode).
     *
     * @param stream the stream
     * @return the handle
     */
    long create(long stream);

    /**
     * Gives the handle its working memory, so that it takes none by itself (cublasSetWorkspace).
     *
     * @param handle the handle
     * @param address device memory that lives as long as the handle
     * @param bytes its size
     */
    void setWorkspace(long handle, long address, long bytes);

    /**
     * Ends a handle (cublasDestroy).
     *
     * @param handle from {@link #create}
     */
    void destroy(long handle);

    /**
     * {@code c = alpha op(a) op(b) + beta c} for each matrix of a batch, sums in f32 (cublasGemmEx, cublasGemmStridedBatchedEx).
     *
     * @param handle the handle
     * @param m rows of c
     * @param n columns of c
     * @param k the inner dimension
     * @param alpha the product's factor
     * @param a {@code m x k} once op is applied
     * @param b {@code k x n} once op is applied, of a's type
     * @param beta the factor of what c holds; with 0, c need not be initialised
     * @param c {@code m x n}; of a's type, or F32
     * @param batch how many
     */
    void gemm(long handle, int m, int n, int k, float alpha, Matrix a, Matrix b, float beta, Matrix c, int batch);
}

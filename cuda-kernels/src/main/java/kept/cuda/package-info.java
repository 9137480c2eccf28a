/**
 * The CUDA backend. {@link kept.tensor.Device} finds it through {@link kept.cuda.CudaBackendProvider}, which reports what is missing where the
 * backend cannot be used. No other module depends on CUDA types. {@code kept.cuda.driver} calls the driver, {@code kept.cuda.cublas} calls cuBLAS.
 */
package kept.cuda;

/**
 * The CUDA backend: {@link kept.cuda.CudaBackendProvider} is what {@link kept.tensor.Device} finds it by, and says what is missing where it cannot be
 * used. Nothing outside this module names a CUDA type. The driver's calls are {@code kept.cuda.driver}'s, matrix products {@code kept.cuda.cublas}'s.
 */
package kept.cuda;

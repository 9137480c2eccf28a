/**
 * cuBLAS, typed: {@link kept.cuda.cublas.Blas} is the calls the backend makes. Matrices are column-major there; the backend's own order is turned
 * round in {@code kept.cuda}. The interface is the seam of the tests, as {@link kept.cuda.driver.Driver} is.
 */
package kept.cuda.cublas;

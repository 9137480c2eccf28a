/**
 * A typed interface to cuBLAS: {@link kept.cuda.cublas.Blas} has one method for each call that the backend makes. Matrices are column-major here;
 * {@code kept.cuda} maps its row-major tensors to them. Tests without a GPU implement the interface in Java, as they do
 * {@link kept.cuda.driver.Driver}.
 */
package kept.cuda.cublas;

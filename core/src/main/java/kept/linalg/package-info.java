/**
 * Dense linear algebra in double precision on the host: {@link kept.linalg.DoubleMatrix}, products ({@link kept.linalg.DoubleProducts}) and
 * factorisation ({@link kept.linalg.Cholesky}), for least-squares problems that need more precision than f32. There are no double tensors and
 * no gradients.
 *
 * <p>The algorithms are here; their inner loops are implemented by the CPU backend behind {@link kept.backend.DoubleKernels}. Results are
 * bit-identical for any number of threads.
 */
package kept.linalg;

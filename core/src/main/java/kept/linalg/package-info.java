/**
 * Dense linear algebra in double precision on the host: {@link kept.linalg.DoubleMatrix}, sums of products ({@link kept.linalg.DoubleProducts}) and
 * {@link kept.linalg.Cholesky}'s factorisation, for least squares whose matrices need more digits than f32 has. No tensor holds doubles, and nothing
 * here is differentiated.
 *
 * <p>The algorithms live here; the loops they spend their time in are the CPU's, behind {@link kept.backend.DoubleKernels}. Results have the same
 * bits for any number of threads.
 */
package kept.linalg;

/**
 * The interface between the library and a device: {@link kept.backend.Backend}, with memory and the primitive kernels that a device must have;
 * {@link kept.backend.FusedKernels}, which it may have; and how a device is found.
 *
 * <p>Here live contracts: formulas, shapes, dtypes and aliasing rules, and the elementwise functions with their values and derivatives
 * ({@link kept.backend.Unary}, {@link kept.backend.Binary}). What the fused kernels are composed of is in {@code kept.backend.composition}; the CPU's
 * kernels are in {@code kept.backend.cpu}.
 */
package kept.backend;

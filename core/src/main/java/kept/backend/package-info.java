/**
 * The interface between the library and a device: {@link kept.backend.Backend}, with memory and the primitive kernels that a device must have; {@link
 * kept.backend.FusedKernels}, which it may have; and {@link kept.backend.BackendProvider}, by which a device is found.
 *
 * <p>The package has the contracts of kernels (formulas, shapes, dtypes and aliasing rules) with records of their operands, the elementwise functions
 * with their values and derivatives ({@link kept.backend.Unary}, {@link kept.backend.Binary}), quantised matrices ({@link
 * kept.backend.BlockMatrix}), and what implementations of devices share ({@link kept.backend.BatchedProduct}, {@link kept.backend.MergedAxes}, and
 * {@link kept.backend.HostLimits}, the processors and the memory of the machine or its container). The compositions of fused kernels are in {@code
 * kept.backend.composition}, the CPU's kernels in {@code kept.backend.cpu}.
 */
package kept.backend;

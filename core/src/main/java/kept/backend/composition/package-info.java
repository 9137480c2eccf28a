/**
 * The {@linkplain kept.backend.FusedKernels fused kernels} as compositions of primitives. A device without its own fused kernel runs the composition,
 * and the fused kernels of other devices are tested against it. Each composition has the definition, a differentiable function of tensors, and the
 * kernel, which writes into given results. {@link kept.backend.composition.Philox} and {@link kept.backend.composition.StochasticRounding} are the
 * random bits that all devices share. {@link kept.backend.composition.HostLeastSquares} computes on the host, by {@code kept.linalg}.
 */
package kept.backend.composition;

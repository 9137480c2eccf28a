/**
 * Tensors and what users do with them: {@link kept.tensor.Tensor} with its shape, element type and device, the {@link kept.tensor.Scope} that owns
 * its memory, and the public operations, one interface for each kind.
 *
 * <p>How an operation passes gradients back lives in {@code kept.autograd.operation}; how a device computes it, behind {@code kept.backend}.
 */
package kept.tensor;

package kept.autograd;

import kept.tensor.Tensor;

/**
 * What a residual add and the norm after it give.
 *
 * @param sum {@code x + branch}: the stream that goes on
 * @param normalized the norm of the sum, of its shape: what the next branch reads
 */
public record NormalizedSum(Tensor sum, Tensor normalized) {}

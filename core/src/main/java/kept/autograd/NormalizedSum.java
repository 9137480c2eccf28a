package kept.autograd;

import kept.tensor.Tensor;

/**
 * The results of a residual add and the norm after it.
 *
 * @param sum {@code x + branch}, the new residual stream
 * @param normalized the normalised sum, of the same shape: the input of the next branch
 */
public record NormalizedSum(Tensor sum, Tensor normalized) {}

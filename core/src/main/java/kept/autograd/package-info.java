/**
 * Reverse-mode differentiation: the tape ({@link kept.autograd.Autograd}), the base class of custom operations ({@link kept.autograd.Operation}),
 * checks of their gradients ({@link kept.autograd.GradientChecks}), and operands of several tensors: of losses over a large vocabulary
 * ({@link kept.autograd.FactoredLogits}) and of linear maps ({@link kept.autograd.LowRankUpdate}).
 *
 * <p>Users call operations through {@link kept.tensor.Tensor} and {@link kept.nn.Functional}; this library's own operations are in
 * {@code kept.autograd.operation}.
 */
package kept.autograd;

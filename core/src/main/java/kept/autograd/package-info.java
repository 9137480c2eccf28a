/**
 * Reverse-mode differentiation: the tape ({@link kept.autograd.Autograd}), what an {@link kept.autograd.Operation} of one's own consists of, the
 * check of
 * its gradients ({@link kept.autograd.GradientChecks}), and what operations over a large vocabulary take and give
 * ({@link kept.autograd.FactoredLogits}).
 *
 * <p>Users call operations through {@link kept.tensor.Tensor} and {@link kept.nn.Functional}; those of this library live in
 * {@code kept.autograd.operation}.
 */
package kept.autograd;

/**
 * Reverse-mode differentiation: the tape ({@link kept.autograd.Autograd}, {@link kept.autograd.Node}), and one small class for each differentiable
 * {@link kept.autograd.Operation} with its forward and its backward.
 *
 * <p>Users call operations through {@link kept.tensor.Tensor} and
 * {@code kept.nn}; arithmetic itself is done by {@code kept.backend}.
 */
package kept.autograd;

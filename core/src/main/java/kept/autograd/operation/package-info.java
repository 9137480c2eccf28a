/**
 * The differentiable operations: one small class for each, with its forward and its backward, and how they arrange operands and gradients
 * ({@link kept.autograd.operation.Operands}, {@link kept.autograd.operation.Rows}, {@link kept.autograd.operation.ReducedAxes}).
 *
 * <p>Not exported: users call them through {@link kept.tensor.Tensor} and {@link kept.nn.Functional}. The tape that records them is
 * {@code kept.autograd}; arithmetic itself is done by {@code kept.backend}.
 */
package kept.autograd.operation;

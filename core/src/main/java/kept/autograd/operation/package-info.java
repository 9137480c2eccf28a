/**
 * The differentiable operations: one small class each, with forward and backward, and helpers for operands and gradients
 * ({@link kept.autograd.operation.Operands}, {@link kept.autograd.operation.Rows}, {@link kept.autograd.operation.ReducedAxes}).
 *
 * <p>Not exported: users call them through {@link kept.tensor.Tensor} and {@link kept.nn.Functional}. The tape that records them is
 * {@code kept.autograd}; the arithmetic is in {@code kept.backend}.
 */
package kept.autograd.operation;

package kept.tensor;

/**
 * Sorted elements along one axis, and their indices before sorting.
 *
 * @param values the elements, of the dtype they had; differentiable
 * @param indices the index that each element had along the axis, I64, of the same shape
 */
public record Sorted(Tensor values, Tensor indices) {}

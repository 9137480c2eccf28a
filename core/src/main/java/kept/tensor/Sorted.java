package kept.tensor;

/**
 * Elements in order along one axis, and where they were.
 *
 * @param values the elements, of the dtype they had; differentiable
 * @param indices their places along the axis before, I64, of the same shape
 */
public record Sorted(Tensor values, Tensor indices) {}

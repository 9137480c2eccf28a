package kept.tensor;

import kept.tensor.internal.Arguments;

/**
 * Predicates and logical operations on the elements of a {@link Tensor}. They return masks of type {@link DType#BOOL}, as comparisons do. An element
 * is true if it is not 0, so NaN is true. Not differentiable.
 */
public sealed interface Logic permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * Where an element is not a number.
     *
     * @return a mask of this shape
     */
    default Tensor isNaN() {
        Arguments.usable("isNaN", self());
        return self().ne(self());
    }

    /**
     * Where an element is infinite, of either sign; integers never are.
     *
     * @return a mask of this shape
     */
    default Tensor isInfinite() {
        Arguments.usable("isInfinite", self());
        return self().dtype().isFloating() ? self().detach().abs().eq(Double.POSITIVE_INFINITY) : Tensor.full(0, DType.BOOL, self().shape());
    }

    /**
     * Where an element is neither infinite nor NaN; all integers are finite.
     *
     * @return a mask of this shape
     */
    default Tensor isFinite() {
        Arguments.usable("isFinite", self());
        return self().dtype().isFloating() ? self().detach().abs().lt(Double.POSITIVE_INFINITY) : Tensor.full(1, DType.BOOL, self().shape());
    }

    /**
     * Where both elements are true.
     *
     * @param other a tensor of any dtype that broadcasts with this one
     * @return a mask of the common shape
     * @throws ShapeException if the shapes do not broadcast
     */
    default Tensor logicalAnd(Tensor other) {
        Arguments.usable("logicalAnd", self(), other);
        return self().ne(0).mul(other.ne(0));
    }

    /**
     * Where at least one of two elements is true.
     *
     * @param other a tensor of any dtype that broadcasts with this one
     * @return a mask of the common shape
     * @throws ShapeException if the shapes do not broadcast
     */
    default Tensor logicalOr(Tensor other) {
        Arguments.usable("logicalOr", self(), other);
        return self().ne(0).maximum(other.ne(0));
    }

    /**
     * Where exactly one of two elements is true.
     *
     * @param other a tensor of any dtype that broadcasts with this one
     * @return a mask of the common shape
     * @throws ShapeException if the shapes do not broadcast
     */
    default Tensor logicalXor(Tensor other) {
        Arguments.usable("logicalXor", self(), other);
        return self().ne(0).ne(other.ne(0));
    }

    /**
     * Where an element is 0.
     *
     * @return a mask of this shape
     */
    default Tensor logicalNot() {
        Arguments.usable("logicalNot", self());
        return self().eq(0);
    }

    /**
     * Whether some element is true; false over no elements.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a mask without those axes
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor any(int... axes) {
        return any(false, axes);
    }

    /**
     * Whether some element is true; false over no elements.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a mask
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor any(boolean keepDimensions, int... axes) {
        Arguments.axes("any", self(), axes);
        return self().ne(0).sum(keepDimensions, axes).ne(0);
    }

    /**
     * Whether every element is true; true over no elements.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a mask without those axes
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor all(int... axes) {
        return all(false, axes);
    }

    /**
     * Whether every element is true; true over no elements.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a mask
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor all(boolean keepDimensions, int... axes) {
        Arguments.axes("all", self(), axes);
        return self().eq(0).sum(keepDimensions, axes).eq(0);
    }
}

package kept.tensor;

import java.util.Arrays;
import kept.tensor.internal.Arguments;

/** Operations of a {@link Tensor} that return a rearranged copy of its elements: flipped, padded, cropped, sorted. */
public sealed interface Arrangements permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The elements in reverse order along some axes.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this shape and dtype
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor flip(int... axes) {
        Tensor x = self();
        boolean[] turned = Arguments.axes("flip", x, axes);
        for (int axis = 0; axis < turned.length; axis++) {
            if (turned[axis] && x.size(axis) > 1) {
                long last = x.size(axis) - 1;
                x = x.indexSelect(axis, TensorCreation.longs(last + 1, i -> last - i));
            }
        }
        return x == self() ? x.copy() : x;
    }

    /**
     * Pads the elements with a value. The order of the amounts is PyTorch's: before and after the last axis, then before and after the second to
     * last, and so on. Negative amounts crop.
     *
     * @param value the value
     * @param amounts the numbers of elements to add, two for each axis; axes without amounts stay as they are
     * @return a tensor of this dtype
     * @throws ShapeException if the number of amounts is odd or more than twice the rank, or they crop more than an axis has
     * @throws DTypeException if this is of an integer type that the value does not fit
     */
    default Tensor pad(double value, long... amounts) {
        Tensor x = self();
        Arguments.usable("pad", x);
        Arguments.fits("pad", value, x.dtype());
        if (Arguments.present("pad", "the array of amounts", amounts).length % 2 != 0 || amounts.length > 2 * x.rank()) {
            throw new ShapeException("[pad] two amounts for each of up to %d axes, not %s".formatted(x.rank(), Arrays.toString(amounts)));
        }
        for (int i = 0; i < amounts.length; i += 2) {
            int axis = x.rank() - 1 - i / 2;
            if (amounts[i] == Long.MIN_VALUE || amounts[i + 1] == Long.MIN_VALUE) {
                throw new ShapeException("[pad] no axis has as many elements as %s cuts off".formatted(Arrays.toString(amounts)));
            }
            long from = Math.max(0, -amounts[i]);
            long to = x.size(axis) - Math.max(0, -amounts[i + 1]);
            if (from > to) {
                throw new ShapeException("[pad] %s cuts off more than there is of %s".formatted(Arrays.toString(amounts), self().shape()));
            }
            Tensor cut = x.slice(axis, from, to);
            Tensor before = Tensor.full(value, x.dtype(), x.shape().with(axis, Math.max(0, amounts[i])));
            Tensor behind = Tensor.full(value, x.dtype(), x.shape().with(axis, Math.max(0, amounts[i + 1])));
            x = Tensor.concat(axis, before, cut, behind);
        }
        return x == self() ? x.copy() : x;
    }

    /**
     * The lower triangle of each matrix: elements above a diagonal become 0.
     *
     * @param diagonal 0 for the main one, positive for one above it, negative for one below
     * @return a tensor of this shape {@code [..., rows, columns]} and dtype
     * @throws ShapeException if this has fewer than two axes
     */
    default Tensor tril(long diagonal) {
        return TensorCreation.triangle("tril", self(), diagonal, true);
    }

    /**
     * The upper triangle of each matrix: elements below a diagonal become 0.
     *
     * @param diagonal 0 for the main one, positive for one above it, negative for one below
     * @return a tensor of this shape {@code [..., rows, columns]} and dtype
     * @throws ShapeException if this has fewer than two axes
     */
    default Tensor triu(long diagonal) {
        return TensorCreation.triangle("triu", self(), diagonal, false);
    }

    /**
     * Sorts the elements along one axis in ascending order; NaN comes last, and equal elements keep their order.
     *
     * @param axis the axis; negative counts from the last
     * @return values and indices of this shape
     * @throws ShapeException if there is no such axis
     */
    default Sorted sort(int axis) {
        return sort(axis, false);
    }

    /**
     * Sorts the elements along one axis; NaN counts as larger than all numbers, and equal elements keep their order.
     *
     * @param axis the axis; negative counts from the last
     * @param descending whether the largest come first
     * @return values and indices of this shape
     * @throws ShapeException if there is no such axis
     */
    default Sorted sort(int axis, boolean descending) {
        Arguments.usable("sort", self());
        int along = Arguments.axis("sort", self().shape(), axis);
        Tensor indices = Sorting.order(self(), along, descending);
        return new Sorted(self().gather(along, indices), indices);
    }

    /**
     * The k largest elements along one axis, in descending order; NaN counts as larger than all numbers, and the first of equal elements comes first.
     *
     * @param k how many
     * @param axis the axis; negative counts from the last
     * @return values and indices, k along the axis
     * @throws ShapeException if there is no such axis, or it has fewer elements
     */
    default Sorted topK(long k, int axis) {
        return topK(k, axis, true);
    }

    /**
     * The k largest elements along one axis in descending order, or the k smallest in ascending order; NaN counts as larger than all numbers, and the
     * first of equal elements comes first.
     *
     * @param k how many
     * @param axis the axis; negative counts from the last
     * @param largest false for the smallest
     * @return values and indices, k along the axis
     * @throws ShapeException if there is no such axis, or it has fewer elements
     */
    default Sorted topK(long k, int axis, boolean largest) {
        Arguments.usable("topK", self());
        int along = Arguments.axis("topK", self().shape(), axis);
        if (k < 0 || k > self().size(along)) {
            throw new ShapeException("[topK] no %d elements along axis %d of %s".formatted(k, axis, self().shape()));
        }
        Tensor indices = Sorting.order(self(), along, largest).slice(along, 0, k).contiguous();
        return new Sorted(self().gather(along, indices), indices);
    }

    /**
     * The one-hot encoding of these indices: for each index a row of zeros with a one at its position.
     *
     * @param classes the length of the rows
     * @return I64, {@code [..., classes]} for these {@code [...]}
     * @throws ShapeException if an index is negative or not below the number of classes
     * @throws DTypeException if this is neither I32 nor I64
     */
    default Tensor oneHot(long classes) {
        Tensor index = self();
        Arguments.usable("oneHot", index);
        if (!index.dtype().isIndex()) {
            throw new DTypeException("[oneHot] indices must be i32 or i64, not " + index.dtype().label());
        }
        if (classes < 1 || classes > Integer.MAX_VALUE - 8) {
            throw new ShapeException("[oneHot] a number of classes from 1 on, not " + classes);
        }
        boolean isOutside = index.elementCount() > 0 && index.lt(0).logicalOr(index.cast(DType.I64).ge(classes)).any().toLongArray()[0] != 0;
        if (isOutside) {
            throw new ShapeException("[oneHot] an index of %s is not in 0 to %d".formatted(index.shape(), classes - 1));
        }
        return index.cast(DType.I64).unsqueeze(-1).eq(TensorCreation.longs(classes, i -> i)).cast(DType.I64);
    }
}

package kept.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.autograd.operation.Cast;
import kept.autograd.operation.Expand;
import kept.autograd.operation.Permute;
import kept.autograd.operation.Reshape;
import kept.autograd.operation.Slice;
import kept.tensor.internal.Arguments;

/**
 * Operations that give a {@link Tensor} another shape over the same memory, where strides allow it. Later writes to the memory are visible in all
 * views.
 */
public sealed interface Views permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The elements in row-major order in another shape.
     *
     * @param dimensions the new extents; at most one may be -1, which stands for what is left
     * @return a view where the strides allow it, else a copy
     * @throws ShapeException if the new shape holds another number of elements
     */
    default Tensor reshape(long... dimensions) {
        return Autograd.apply(new Reshape(dimensions), self());
    }

    /**
     * The elements in row-major order in another shape.
     *
     * @param shape the new shape
     * @return a view where the strides allow it, else a copy
     * @throws ShapeException if the new shape holds another number of elements
     */
    default Tensor reshape(Shape shape) {
        return reshape(Arguments.present("reshape", "the shape", shape).toArray());
    }

    /**
     * Merges neighbouring axes into one.
     *
     * @param first the first axis; negative counts from the last
     * @param last the last axis, not before the first; negative counts from the last
     * @return a view where the strides allow it, else a copy
     * @throws ShapeException if there is no such axis, or the last comes before the first
     */
    default Tensor flatten(int first, int last) {
        Shape shape = self().shape();
        int from = Arguments.axis("flatten", shape, first);
        int to = Arguments.axis("flatten", shape, last);
        if (from > to) {
            throw new ShapeException("[flatten] axis %d comes after axis %d in %s".formatted(first, last, shape));
        }
        long[] dimensions = new long[shape.rank() - (to - from)];
        for (int axis = 0; axis < shape.rank(); axis++) {
            if (axis == from) {
                dimensions[from] = Shape.of(Arrays.copyOfRange(shape.toArray(), from, to + 1)).elementCount();
            } else if (axis < from || axis > to) {
                dimensions[axis < from ? axis : axis - (to - from)] = shape.size(axis);
            }
        }
        return reshape(dimensions);
    }

    /**
     * All elements along one axis, in row-major order.
     *
     * @return a view {@code [elements]} where the strides allow it, else a copy
     */
    default Tensor flatten() {
        return reshape(self().elementCount());
    }

    /**
     * Exchanges two axes.
     *
     * @param first one axis; negative counts from the last
     * @param second the other; negative counts from the last
     * @return a view
     * @throws ShapeException if there is no such axis
     */
    default Tensor transpose(int first, int second) {
        Shape shape = self().shape();
        int[] axes = IntStream.range(0, shape.rank()).toArray();
        int one = Arguments.axis("transpose", shape, first);
        int other = Arguments.axis("transpose", shape, second);
        axes[one] = other;
        axes[other] = one;
        return permute(axes);
    }

    /**
     * Permutes the axes.
     *
     * @param axes for each axis of the result, the axis of this tensor; negative ones count from the last
     * @return a view
     * @throws ShapeException if some axis is missing or named twice
     */
    default Tensor permute(int... axes) {
        return Autograd.apply(new Permute(axes), self());
    }

    /**
     * Repeats the elements along axes of extent 1 and along new outer axes, without a copy.
     *
     * @param dimensions the larger shape
     * @return a view
     * @throws ShapeException if this shape does not broadcast to the larger one
     */
    default Tensor expand(long... dimensions) {
        return expand(Shape.of(Arguments.present("expand", "the shape", dimensions)));
    }

    /**
     * Repeats the elements along axes of extent 1 and along new outer axes, without a copy.
     *
     * @param shape the larger shape
     * @return a view
     * @throws ShapeException if this shape does not broadcast to the larger one
     */
    default Tensor expand(Shape shape) {
        return Autograd.apply(new Expand(shape), self());
    }

    /**
     * Removes an axis of extent 1.
     *
     * @param axis the axis; negative counts from the last
     * @return a view
     * @throws ShapeException if there is no such axis, or its extent is not 1
     */
    default Tensor squeeze(int axis) {
        Shape shape = self().shape();
        int removed = Arguments.axis("squeeze", shape, axis);
        if (shape.size(removed) != 1) {
            throw new ShapeException("[squeeze] axis %d of %s is not of extent 1".formatted(axis, shape));
        }
        return reshape(IntStream.range(0, shape.rank()).filter(i -> i != removed).mapToLong(shape::size).toArray());
    }

    /**
     * Inserts an axis of extent 1.
     *
     * @param axis where the new axis is in the result; negative counts from the result's last
     * @return a view
     * @throws ShapeException if there is no such axis
     */
    default Tensor unsqueeze(int axis) {
        long[] before = self().shape().toArray();
        int added = axis < 0 ? axis + before.length + 1 : axis;
        if (added < 0 || added > before.length) {
            throw new ShapeException("[unsqueeze] no place %d for a new axis in %s".formatted(axis, self().shape()));
        }
        return reshape(IntStream.rangeClosed(0, before.length).mapToLong(i -> i == added ? 1 : before[i < added ? i : i - 1]).toArray());
    }

    /**
     * The elements of a range along one axis.
     *
     * @param axis the axis; negative counts from the last
     * @param from the first index; negative counts from the end
     * @param to the index after the last; negative counts from the end
     * @return a view
     * @throws ShapeException if there is no such axis, or the range does not lie in it
     */
    default Tensor slice(int axis, long from, long to) {
        return slice(axis, from, to, 1);
    }

    /**
     * Every step-th element of a range along one axis.
     *
     * @param axis the axis; negative counts from the last
     * @param from the first index; negative counts from the end
     * @param to the index after the last; negative counts from the end
     * @param step how far apart the chosen elements are, 1 or more
     * @return a view
     * @throws ShapeException if there is no such axis, or the range does not lie in it
     */
    default Tensor slice(int axis, long from, long to, long step) {
        return Autograd.apply(new Slice(axis, from, to, step), self());
    }

    /**
     * The elements at one index of an axis, which is removed.
     *
     * @param axis the axis; negative counts from the last
     * @param index the index; negative counts from the end
     * @return a view
     * @throws ShapeException if there is no such axis or index
     */
    default Tensor select(int axis, long index) {
        long extent = self().size(Arguments.axis("select", self().shape(), axis));
        long from = index < 0 ? index + extent : index;
        if (from < 0 || from >= extent) {
            throw new ShapeException("[select] no index %d in axis %d of %s".formatted(index, axis, self().shape()));
        }
        return slice(axis, from, from + 1).squeeze(axis);
    }

    /**
     * Consecutive parts along one axis.
     *
     * @param axis the axis; negative counts from the last
     * @param sizes the extents of the parts; together the axis's
     * @return the parts in order, views
     * @throws ShapeException if there is no such axis, or the sizes do not add up to its extent
     */
    default List<Tensor> split(int axis, long... sizes) {
        long left = self().size(Arguments.axis("split", self().shape(), axis));
        for (long size : Arguments.present("split", "the list of sizes", sizes)) {
            // Negative from the first size that is too large or negative.
            left = left < 0 || size < 0 ? -1 : left - size;
        }
        if (left != 0) {
            throw new ShapeException("[split] %s does not add up to axis %d of %s".formatted(Arrays.toString(sizes), axis, self().shape()));
        }
        List<Tensor> parts = new ArrayList<>();
        long from = 0;
        for (long size : sizes) {
            parts.add(slice(axis, from, from + size));
            from += size;
        }
        return List.copyOf(parts);
    }

    /**
     * The elements in dense row-major memory.
     *
     * @return this tensor if it is {@linkplain Tensor#isContiguous contiguous}, else a copy
     */
    default Tensor contiguous() {
        return self().isContiguous() ? self() : copy();
    }

    /**
     * The elements in dense row-major memory of their own.
     *
     * @return a copy
     */
    default Tensor copy() {
        return Autograd.apply(new Cast(self().dtype()), self());
    }

    /**
     * Whether several elements share a memory location, as in an expanded view. Such a tensor can be read but not written.
     *
     * @return false for all tensors that own their elements, and for slices and permutations of these
     */
    default boolean hasRepeatedElements() {
        return !self().isContiguous() && MemoryOverlap.within(self().shape(), self().strides());
    }

    /**
     * Whether this tensor shares an element with another, so that writing one of the two changes the other.
     *
     * @param other the other tensor
     * @return true if both are views of the same memory and have an element in common
     */
    default boolean overlaps(Tensor other) {
        return self().storage() == Arguments.present("overlaps", "the other tensor", other).storage() && MemoryOverlap.between(self(), other);
    }
}

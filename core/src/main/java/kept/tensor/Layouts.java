package kept.tensor;

import java.util.Arrays;
import kept.tensor.internal.Arguments;

/** The memory layout of tensors, and its checks. */
final class Layouts {
    private Layouts() {}

    /** Whether elements are contiguous in row-major order. */
    static boolean isContiguous(Shape shape, long... strides) {
        long expected = 1;
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            long extent = shape.size(axis);
            if (extent != 1 && strides[axis] != expected) {
                return shape.elementCount() == 0;
            }
            expected *= extent;
        }
        return true;
    }

    /** The strides that broadcast a tensor to a larger shape. */
    static long[] expandedStrides(Shape shape, long[] strides, Shape target, String operation) {
        int added = target.rank() - shape.rank();
        boolean fits = added >= 0;
        long[] expanded = new long[target.rank()];
        for (int axis = 0; fits && axis < target.rank(); axis++) {
            boolean isStretched = axis < added || shape.size(axis - added) == 1;
            fits = isStretched || shape.size(axis - added) == target.size(axis);
            expanded[axis] = isStretched ? 0 : strides[axis - added];
        }
        if (!fits) {
            throw new ShapeException("[%s] %s does not broadcast to %s".formatted(operation, shape, target));
        }
        return expanded;
    }

    /** Checks that every element of a view is within the tensor's buffer, because kernels do not check it. */
    static void layout(Tensor tensor, Shape shape, long[] strides, long offset) {
        long first = offset;
        long last = offset;
        boolean valid = strides.length == shape.rank();
        for (int axis = 0; valid && axis < strides.length; axis++) {
            long steps = Math.max(0, shape.size(axis) - 1);
            long reach = steps * strides[axis];
            first += Math.min(0, reach);
            last += Math.max(0, reach);
            valid = Math.multiplyHigh(steps, strides[axis]) == reach >> 63 && last >= 0;
        }
        boolean hasMemory = !tensor.isReleased() && shape.elementCount() > 0;
        if (!valid || hasMemory && (first < 0 || last >= tensor.storage().byteSize() / tensor.dtype().bytes())) {
            throw new ShapeException("[view] %s from element %d on with strides %s does not lie in the memory of %s"
                    .formatted(shape, offset, Arrays.toString(strides), tensor.shape()));
        }
    }

    /** Checks that the memory of one tensor can be lent to another. */
    static void lent(Tensor tensor, Tensor elements) {
        if (!elements.shape().equals(tensor.shape()) || elements.dtype() != tensor.dtype() || elements.device() != tensor.device()
                || !elements.isContiguous() || elements.offset() != 0 || !elements.storage().isFilledBy(elements)) {
            throw new TensorException("[residence] %s %s on %s cannot be the elements of %s %s on %s".formatted(elements.dtype().label(),
                    elements.shape(), elements.device(), tensor.dtype().label(), tensor.shape(), tensor.device()));
        }
    }

    /** Checks that a tensor can be the gradient of a leaf. */
    static void gradient(Tensor leaf, Tensor sum) {
        Arguments.present("setGradient", "the gradient", sum);
        if (!sum.isContiguous() || !sum.shape().equals(leaf.shape()) || sum.dtype() != leaf.gradientType() || sum.storage() == leaf.storage()) {
            throw new TensorException("[setGradient] %s %s with strides %s is no gradient of %s: it must be %s, contiguous, in memory of its own"
                    .formatted(sum.dtype().label(), sum.shape(), Arrays.toString(sum.strides()), leaf.shape(), leaf.gradientType().label()));
        }
    }

    /** Checks that tensors can be stacked along a new axis; returns the axis as a non-negative index. */
    static int stackAxis(int axis, Tensor... tensors) {
        Arguments.usable("stack", Arguments.present("stack", "the array of tensors", tensors));
        if (tensors.length == 0) {
            throw new ShapeException("[stack] needs at least one tensor");
        }
        Shape first = tensors[0].shape();
        DType dtype = tensors[0].dtype();
        for (Tensor tensor : tensors) {
            if (!tensor.shape().equals(first)) {
                throw new ShapeException("[stack] shapes differ: %s and %s".formatted(first, tensor.shape()));
            }
            dtype = Arguments.promote("stack", dtype, tensor.dtype());
        }
        int added = axis < 0 ? axis + first.rank() + 1 : axis;
        if (added < 0 || added > first.rank()) {
            throw new ShapeException("[stack] no place %d for a new axis in %s".formatted(axis, first));
        }
        return added;
    }

    /** A scalar view of one element; negative indices count from the end. */
    static Tensor element(String operation, Tensor x, long... index) {
        boolean fits = Arguments.present(operation, "the index", index).length == x.rank();
        long offset = x.offset();
        for (int axis = 0; fits && axis < index.length; axis++) {
            long place = index[axis] < 0 ? index[axis] + x.size(axis) : index[axis];
            fits = place >= 0 && place < x.size(axis);
            offset += place * x.stride(axis);
        }
        if (!fits) {
            throw new ShapeException("[%s] no element %s in %s".formatted(operation, Arrays.toString(index), x.shape()));
        }
        return x.alias(Shape.of(), new long[0], offset);
    }
}

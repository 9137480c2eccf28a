package kept.autograd.operation;

import java.util.Arrays;
import kept.autograd.Gradients;
import kept.backend.Reduction;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Conversions and views of operands, and gradients of broadcast operands. Not recorded by autograd. */
public final class Operands {
    private Operands() {}

    /** The output tensor for an operand's gradient: the incoming gradient if the operation owns it, otherwise a new tensor. */
    static Tensor inPlaceOf(Tensor gradient, Gradients gradients) {
        return gradients.owns(gradient) ? gradient : Tensor.empty(gradient.dtype(), gradient.shape());
    }

    /**
     * The tensor itself if it has the dtype, otherwise a converted dense copy.
     *
     * @param dtype the element type
     * @param x the tensor
     * @return x or the copy
     */
    public static Tensor as(DType dtype, Tensor x) {
        return x.dtype() == dtype ? x : copy(dtype, x);
    }

    /** The tensor itself if it is contiguous, otherwise a dense copy: the <em>rows</em> of {@link kept.backend.Backend}. */
    static Tensor rows(Tensor x) {
        return x.isContiguous() ? x : copy(x.dtype(), x);
    }

    /**
     * A dense copy.
     *
     * @param dtype the copy's element type
     * @param x the tensor
     * @return the copy
     */
    public static Tensor copy(DType dtype, Tensor x) {
        Tensor out = Tensor.empty(dtype, x.shape());
        out.backend().copy(x, out);
        return out;
    }

    /** A view of a larger shape, with stride 0 along broadcast axes. */
    static Tensor expanded(Shape shape, Tensor x, String operation) {
        return x.shape().equals(shape) ? x : TensorMemory.view(x, shape, TensorMemory.expandedStrides(x, shape, operation), x.offset());
    }

    /** A view with the last two axes exchanged. */
    static Tensor transposed(Tensor x) {
        int[] axes = new int[x.rank()];
        for (int i = 0; i < axes.length; i++) {
            axes[i] = i;
        }
        axes[axes.length - 1] = axes.length - 2;
        axes[axes.length - 2] = axes.length - 1;
        return permuted(x, axes);
    }

    /** A view whose axis i is the tensor's axis {@code axes[i]}. */
    static Tensor permuted(Tensor x, int... axes) {
        long[] dimensions = new long[axes.length];
        long[] strides = new long[axes.length];
        for (int i = 0; i < axes.length; i++) {
            dimensions[i] = x.size(axes[i]);
            strides[i] = x.stride(axes[i]);
        }
        return TensorMemory.view(x, Shape.of(dimensions), strides, x.offset());
    }

    /** A view of every step-th element along one axis, from the index {@code from}. */
    static Tensor sliced(Tensor x, int axis, long from, long count, long step) {
        long[] strides = x.strides();
        long offset = count == 0 ? x.offset() : x.offset() + from * strides[axis];
        strides[axis] *= step;
        return TensorMemory.view(x, x.shape().with(axis, count), strides, offset);
    }

    /** The tensor in another shape with as many elements: a view if the strides allow it, otherwise a dense copy. */
    static Tensor reshaped(Tensor x, Shape shape) {
        Tensor view = viewed(x, shape);
        return view != null ? view : TensorMemory.view(copy(x.dtype(), x), shape, shape.contiguousStrides(), 0);
    }

    /** A view in another shape with as many elements, or null if the strides do not allow it. */
    static Tensor viewed(Tensor x, Shape shape) {
        if (x.isContiguous()) {
            return TensorMemory.view(x, shape, shape.contiguousStrides(), x.offset());
        }
        // Merges adjacent axes that have a common stride into runs, outermost first.
        int runs = 0;
        long[] extent = new long[x.rank()];
        long[] stride = new long[x.rank()];
        for (int axis = 0; axis < x.rank(); axis++) {
            if (x.size(axis) == 1) {
                continue;
            }
            if (runs > 0 && stride[runs - 1] == x.size(axis) * x.stride(axis)) {
                extent[runs - 1] *= x.size(axis);
                stride[runs - 1] = x.stride(axis);
            } else {
                extent[runs] = x.size(axis);
                stride[runs++] = x.stride(axis);
            }
        }
        // From the innermost: each new axis must divide the remaining extent of one run.
        long[] strides = new long[shape.rank()];
        long left = 1;
        long step = 1;
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            if (left == 1 && runs > 0 && shape.size(axis) != 1) {
                left = extent[--runs];
                step = stride[runs];
            }
            if (left % shape.size(axis) != 0) {
                return null;
            }
            strides[axis] = step;
            step *= shape.size(axis);
            left /= shape.size(axis);
        }
        return TensorMemory.view(x, shape, strides, x.offset());
    }

    /**
     * The gradient of a broadcast operand: the sum over the broadcast axes.
     *
     * @param shape the operand's shape
     * @param gradient a gradient whose shape the operand broadcasts to
     * @return a gradient with the operand's shape
     */
    public static Tensor summedTo(Shape shape, Tensor gradient) {
        if (gradient.shape().equals(shape)) {
            return gradient;
        }
        int added = gradient.rank() - shape.rank();
        if (added < 0 || !Arguments.broadcast("backward", shape, gradient.shape()).equals(gradient.shape())) {
            throw new ShapeException("[backward] a gradient of shape %s does not match an operand of shape %s".formatted(gradient.shape(), shape));
        }
        int[] stretched = new int[gradient.rank()];
        int count = 0;
        for (int axis = 0; axis < gradient.rank(); axis++) {
            if (axis < added || shape.size(axis - added) != gradient.size(axis)) {
                stretched[count++] = axis;
            }
        }
        var axes = ReducedAxes.of(gradient.shape(), "backward", Arrays.copyOf(stretched, count));
        Tensor sum = Tensor.empty(gradient.dtype().arithmetic(), axes.keptShape());
        sum.backend().reduce(Reduction.SUM, axes.innermost(gradient), sum);
        return TensorMemory.view(sum, shape, shape.contiguousStrides(), sum.offset());
    }

    /**
     * A gradient in the arithmetic of its operand: of mixed operands in F64 and another type, one has to be converted.
     *
     * @param operand the operand
     * @param gradient its gradient
     * @return the same, or a copy in F64 for an operand in F64, in F32 for another
     */
    public static Tensor asGradientOf(Tensor operand, Tensor gradient) {
        boolean fits = (operand.dtype() == DType.F64) == (gradient.dtype() == DType.F64);
        return fits ? gradient : copy(operand.dtype().arithmetic(), gradient);
    }

    /**
     * Checks that a tensor holds floating-point numbers.
     *
     * @param operation the name that an error message starts with
     * @param x the tensor
     * @throws DTypeException if it holds integers
     */
    public static void checkFloating(String operation, Tensor x) {
        if (!x.dtype().isFloating()) {
            throw new DTypeException("[%s] needs a floating operand, not %s; cast it first".formatted(operation, x.dtype().label()));
        }
    }

    /**
     * Checks that a function takes truth values.
     *
     * @param operation the name that an error message starts with
     * @param dtype the operands' common dtype
     * @param taken whether it takes that
     * @throws DTypeException if the dtype is BOOL and it does not
     */
    public static void checkNumbers(String operation, DType dtype, boolean taken) {
        if (dtype == DType.BOOL && !taken) {
            throw new DTypeException("[%s] needs numbers, not bool; cast it first".formatted(operation));
        }
    }

    /** Checks that a tensor may serve as indices. */
    static void checkIndex(String operation, Tensor index) {
        if (!index.dtype().isIndex()) {
            throw new DTypeException("[%s] indices must be i32 or i64, not %s".formatted(operation, index.dtype().label()));
        }
    }
}

package kept.tensor;

import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import kept.autograd.Autograd;
import kept.autograd.operation.ArgMax;
import kept.autograd.operation.CumulativeSum;
import kept.autograd.operation.Extremum;
import kept.autograd.operation.LogSumExp;
import kept.autograd.operation.Softmax;
import kept.autograd.operation.Sum;
import kept.backend.Reduction;
import kept.tensor.internal.Arguments;

/**
 * Operations of a {@link Tensor} along some of its axes. Where several axes may be named, naming none means all; {@code keepDimensions} leaves
 * reduced axes in place with extent 1, so that the result broadcasts with the operand.
 */
public sealed interface Reductions permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The sum over some axes, accumulated in f32, or f64 for F64; 0 over no elements. Integers are added in 64 bits, and a sum beyond them wraps
     * around.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype, I64 for integers, without those axes
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor sum(int... axes) {
        return sum(false, axes);
    }

    /**
     * The sum over some axes, accumulated in f32, or f64 for F64; 0 over no elements. Integers are added in 64 bits, and a sum beyond them wraps
     * around.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype, I64 for integers
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor sum(boolean keepDimensions, int... axes) {
        return Autograd.apply(new Sum(keepDimensions, axes), self());
    }

    /**
     * The product over some axes, in f32 or f64; 1 over no elements. Integers are multiplied in 64 bits, and a product beyond them wraps around.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype, I64 for integers, without those axes
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor prod(int... axes) {
        return prod(false, axes);
    }

    /**
     * The product over some axes, in f32 or f64; 1 over no elements. Integers are multiplied in 64 bits, and a product beyond them wraps around.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype, I64 for integers
     * @throws ShapeException if there is no such axis, or one is named twice
     */
    default Tensor prod(boolean keepDimensions, int... axes) {
        Tensor x = self();
        boolean[] reduced = Arguments.axes("prod", x, axes);
        IntPredicate isReduced = axis -> reduced[axis];
        int[] kept = IntStream.range(0, x.rank()).filter(isReduced.negate()).toArray();
        int[] innermost = IntStream.range(0, x.rank()).filter(isReduced).toArray();
        long[] rows = LongStream.concat(Arrays.stream(kept).mapToLong(x::size),
                LongStream.of(Arrays.stream(innermost).mapToLong(x::size).reduce(1, (a, b) -> a * b))).toArray();
        Tensor left = x.cast(x.dtype().ofSums().arithmetic())
                .permute(IntStream.concat(Arrays.stream(kept), Arrays.stream(innermost)).toArray()).reshape(rows);
        // Multiplies the first half by the second until one factor is left; the last of an odd number of factors is multiplied in at the end.
        Tensor waiting = null;
        long count = left.size(-1);
        while (count > 1) {
            if (count % 2 != 0) {
                Tensor last = left.slice(-1, count - 1, count);
                waiting = waiting == null ? last : waiting.mul(last);
            }
            count /= 2;
            left = left.slice(-1, 0, count).mul(left.slice(-1, count, 2 * count));
        }
        Tensor product = count == 0 ? left.sum(true, -1).add(1) : waiting == null ? left : left.mul(waiting);
        long[] shape = keepDimensions
                ? IntStream.range(0, x.rank()).mapToLong(axis -> reduced[axis] ? 1 : x.size(axis)).toArray()
                : Arrays.copyOf(rows, kept.length);
        Tensor shaped = product.reshape(shape);
        return x.dtype().isFloating() ? shaped.cast(x.dtype()) : shaped;
    }

    /**
     * The cumulative sums along one axis, in f32 or f64; integers are added in 64 bits.
     *
     * @param axis the axis; negative counts from the last
     * @return a tensor of this shape and dtype, I64 for integers
     * @throws ShapeException if there is no such axis
     */
    default Tensor cumSum(int axis) {
        return Autograd.apply(new CumulativeSum(axis), self());
    }

    /**
     * The mean over some axes, computed in f32 or f64; NaN over no elements.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype without those axes
     * @throws ShapeException if there is no such axis, or one is named twice
     * @throws DTypeException if this is of an integer type
     */
    default Tensor mean(int... axes) {
        return mean(false, axes);
    }

    /**
     * The mean over some axes, computed in f32 or f64; NaN over no elements.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype
     * @throws ShapeException if there is no such axis, or one is named twice
     * @throws DTypeException if this is of an integer type
     */
    default Tensor mean(boolean keepDimensions, int... axes) {
        Tensor sum = exact("mean", axes).sum(keepDimensions, axes);
        double count = (double) self().elementCount() / sum.elementCount();
        return sum.div(count).cast(self().dtype());
    }

    /**
     * The biased variance over some axes, {@code mean((x - mean(x))^2)}, computed in f32 or f64.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype without those axes
     * @throws ShapeException if there is no such axis, or one is named twice
     * @throws DTypeException if this is of an integer type
     */
    default Tensor variance(int... axes) {
        return variance(false, axes);
    }

    /**
     * The biased variance over some axes, {@code mean((x - mean(x))^2)}, computed in f32 or f64.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype
     * @throws ShapeException if there is no such axis, or one is named twice
     * @throws DTypeException if this is of an integer type
     */
    default Tensor variance(boolean keepDimensions, int... axes) {
        Tensor x = exact("variance", axes);
        return x.sub(x.mean(true, axes)).square().mean(keepDimensions, axes).cast(self().dtype());
    }

    /**
     * The largest element over some axes, NaN if there is one; equal ones share the gradient equally.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype without those axes
     * @throws ShapeException if there is no such axis, one is named twice, or there are no elements to choose from
     */
    default Tensor max(int... axes) {
        return max(false, axes);
    }

    /**
     * The largest element over some axes, NaN if there is one; equal ones share the gradient equally.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype
     * @throws ShapeException if there is no such axis, one is named twice, or there are no elements to choose from
     */
    default Tensor max(boolean keepDimensions, int... axes) {
        return Autograd.apply(new Extremum(Reduction.MAXIMUM, keepDimensions, axes), self());
    }

    /**
     * The smallest element over some axes, NaN if there is one; equal ones share the gradient equally.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype without those axes
     * @throws ShapeException if there is no such axis, one is named twice, or there are no elements to choose from
     */
    default Tensor min(int... axes) {
        return min(false, axes);
    }

    /**
     * The smallest element over some axes, NaN if there is one; equal ones share the gradient equally.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype
     * @throws ShapeException if there is no such axis, one is named twice, or there are no elements to choose from
     */
    default Tensor min(boolean keepDimensions, int... axes) {
        return Autograd.apply(new Extremum(Reduction.MINIMUM, keepDimensions, axes), self());
    }

    /**
     * The index of the largest element along one axis, the first of equals; the first NaN if there are any. Not differentiable.
     *
     * @param axis the axis; negative counts from the last
     * @return an I64 tensor without that axis
     * @throws ShapeException if there is no such axis, or it has no elements
     */
    default Tensor argMax(int axis) {
        return Autograd.apply(new ArgMax(axis), self());
    }

    /**
     * The index of the smallest element along one axis, the first of equals; the first NaN if there are any. Not differentiable.
     *
     * @param axis the axis; negative counts from the last
     * @return an I64 tensor without that axis
     * @throws ShapeException if there is no such axis, or it has no elements
     */
    default Tensor argMin(int axis) {
        Arguments.usable("argMin", self());
        int along = Arguments.axis("argMin", self().shape(), axis);
        if (self().size(along) == 0) {
            throw new ShapeException("[argMin] no elements along axis %d of %s".formatted(axis, self().shape()));
        }
        // -1 - x reverses the order of integers without overflow.
        Tensor turned = (self().dtype() == DType.BOOL ? self().cast(DType.U8) : self().detach()).neg();
        return (self().dtype().isFloating() ? turned : turned.sub(1)).argMax(along);
    }

    /**
     * The logarithm {@code log sum e^x} over some axes, without overflow.
     *
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype without those axes
     * @throws ShapeException if there is no such axis, one is named twice, or there are no elements to choose from
     * @throws DTypeException if this is of an integer type
     */
    default Tensor logSumExp(int... axes) {
        return logSumExp(false, axes);
    }

    /**
     * The logarithm {@code log sum e^x} over some axes, without overflow.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     * @return a tensor of this dtype
     * @throws ShapeException if there is no such axis, one is named twice, or there are no elements to choose from
     * @throws DTypeException if this is of an integer type
     */
    default Tensor logSumExp(boolean keepDimensions, int... axes) {
        return Autograd.apply(new LogSumExp(keepDimensions, axes), self());
    }

    /**
     * The distribution {@code e^x / sum e^x} along one axis, without overflow.
     *
     * @param axis the axis; negative counts from the last
     * @return a tensor of this shape and dtype
     * @throws ShapeException if there is no such axis
     * @throws DTypeException if this is of an integer type
     */
    default Tensor softmax(int axis) {
        return Autograd.apply(new Softmax(false, axis), self());
    }

    /**
     * The logarithm of {@link #softmax} along one axis, {@code x - log sum e^x}.
     *
     * @param axis the axis; negative counts from the last
     * @return a tensor of this shape and dtype
     * @throws ShapeException if there is no such axis
     * @throws DTypeException if this is of an integer type
     */
    default Tensor logSoftmax(int axis) {
        return Autograd.apply(new Softmax(true, axis), self());
    }

    /** This tensor in f32 or f64, after the checks that the composed operations would otherwise make under their own names. */
    private Tensor exact(String operation, int... axes) {
        Arguments.axes(operation, self(), axes);
        if (!self().dtype().isFloating()) {
            throw new DTypeException("[%s] needs a floating operand, not %s; cast it first".formatted(operation, self().dtype().label()));
        }
        return self().cast(self().dtype().arithmetic());
    }
}

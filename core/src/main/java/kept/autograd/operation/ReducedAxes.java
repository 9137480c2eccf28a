package kept.autograd.operation;

import java.util.Arrays;
import java.util.stream.IntStream;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The kept and the reduced axes of a reduction, both ascending.
 *
 * @param shape the operand's shape
 * @param kept the axes that stay
 * @param reduced the axes that are reduced
 */
record ReducedAxes(Shape shape, int[] kept, int[] reduced) {
    /** Resolves axes given by a user: negative ones count from the last, none means all. */
    static ReducedAxes of(Shape shape, String operation, int... axes) {
        boolean[] isReduced = new boolean[shape.rank()];
        Arrays.fill(isReduced, axes.length == 0);
        for (int axis : axes) {
            int resolved = Arguments.axis(operation, shape, axis);
            if (isReduced[resolved]) {
                throw new ShapeException("[%s] axis %d of %s is named twice".formatted(operation, axis, shape));
            }
            isReduced[resolved] = true;
        }
        return new ReducedAxes(
                shape,
                IntStream.range(0, shape.rank()).filter(axis -> !isReduced[axis]).toArray(),
                IntStream.range(0, shape.rank()).filter(axis -> isReduced[axis]).toArray());
    }

    /** A view with the kept axes first and the reduced ones innermost. */
    Tensor innermost(Tensor x) {
        return reduced.length == 0 ? x : Operands.permuted(x, IntStream.concat(Arrays.stream(kept), Arrays.stream(reduced)).toArray());
    }

    /** The kept extents. */
    Shape keptShape() {
        return Shape.of(Arrays.stream(kept).mapToLong(shape::size).toArray());
    }

    /** The result's shape: the kept extents, with 1 for each reduced axis if {@code keepDimensions}. */
    Shape resultShape(boolean keepDimensions) {
        return keepDimensions ? shapeWithOnes() : keptShape();
    }

    /** The number of elements per result element. */
    long count() {
        return Arrays.stream(reduced).mapToLong(shape::size).reduce(1, (a, b) -> a * b);
    }

    /** A result, or its gradient, as a view of the operand's shape, its one element repeated along the reduced axes. */
    Tensor stretched(Tensor result) {
        return Operands.expanded(shape, Operands.reshaped(result, shapeWithOnes()), "expand");
    }

    private Shape shapeWithOnes() {
        long[] dimensions = shape.toArray();
        for (int axis : reduced) {
            dimensions[axis] = 1;
        }
        return Shape.of(dimensions);
    }
}

package kept.autograd.operation;

import java.util.Arrays;
import java.util.stream.IntStream;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * Which axes of a shape a reduction keeps and which it reduces, both ascending.
 *
 * @param shape the shape before
 * @param kept the axes that stay
 * @param reduced the axes that become one element
 */
record ReducedAxes(Shape shape, int[] kept, int[] reduced) {
    /** The axes as a user names them: negative ones count from the last, none at all means every axis. */
    static ReducedAxes of(Shape shape, String operation, int... axes) {
        boolean[] isReduced = new boolean[shape.rank()];
        Arrays.fill(isReduced, axes.length == 0);
        for (int axis : axes) {
            int resolved = shape.axis(axis, operation);
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

    /** The extents that stay. */
    Shape keptShape() {
        return Shape.of(Arrays.stream(kept).mapToLong(shape::size).toArray());
    }

    /** The result's shape: the extents that stay, with 1 in the place of each reduced one if those are to be kept. */
    Shape resultShape(boolean keepDimensions) {
        return keepDimensions ? shapeWithOnes() : keptShape();
    }

    /** How many elements become one. */
    long count() {
        return Arrays.stream(reduced).mapToLong(shape::size).reduce(1, (a, b) -> a * b);
    }

    /** A result, or its gradient, as a view of the shape before, its one element repeated along the reduced axes. */
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

package kept.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;
import kept.tensor.internal.Arguments;

/** The extents of a tensor along its axes, outermost first; a scalar has none. Immutable. */
public final class Shape {
    private static final Shape SCALAR = new Shape(new long[0]);

    /** The number of dimensions that a message shows; only damaged files have more. */
    private static final int MAX_SHOWN = 16;

    private final long[] dimensions;

    private Shape(long[] dimensions) {
        this.dimensions = dimensions;
    }

    /**
     * A shape with the given extents.
     *
     * @param dimensions the extents, outermost first; none for a scalar
     * @return the shape
     * @throws ShapeException if an extent is negative or the element count exceeds a {@code long}
     */
    public static Shape of(long... dimensions) {
        if (Arguments.present("shape", "the array of extents", dimensions).length == 0) {
            return SCALAR;
        }
        long count = 1;
        for (long dimension : dimensions) {
            if (dimension < 0) {
                throw new ShapeException("[shape] negative extent in " + new Shape(dimensions));
            }
            try {
                count = Math.multiplyExact(count, dimension);
            } catch (ArithmeticException e) {
                throw new ShapeException("[shape] too many elements for a 64-bit count: " + new Shape(dimensions));
            }
        }
        return new Shape(dimensions.clone());
    }

    /**
     * The number of axes.
     *
     * @return the rank; 0 for a scalar
     */
    public int rank() {
        return dimensions.length;
    }

    /**
     * The extent of one axis.
     *
     * @param axis the axis, from 0; negative counts from the last, so that -1 is the innermost
     * @return its extent
     * @throws ShapeException if there is no such axis
     */
    public long size(int axis) {
        return dimensions[Arguments.axis("size", this, axis)];
    }

    /**
     * The number of elements: the product of the extents, 1 for a scalar.
     *
     * @return the element count
     */
    public long elementCount() {
        long count = 1;
        for (long dimension : dimensions) {
            count *= dimension;
        }
        return count;
    }

    /**
     * The extents, outermost first.
     *
     * @return a fresh array
     */
    public long[] toArray() {
        return dimensions.clone();
    }

    /**
     * This shape with the extent of one axis replaced.
     *
     * @param axis the axis; negative counts from the last
     * @param size its new extent
     * @return the new shape
     */
    public Shape with(int axis, long size) {
        long[] changed = dimensions.clone();
        changed[Arguments.axis("shape", this, axis)] = size;
        return of(changed);
    }

    /**
     * The shape that two shapes broadcast to: axes are aligned at the innermost, and an extent of 1 stretches to the other's.
     *
     * @param a one shape
     * @param b the other shape
     * @return the common shape
     * @throws ShapeException if two aligned extents differ and neither is 1
     */
    public static Shape broadcast(Shape a, Shape b) {
        return Arguments.broadcast("broadcast", Arguments.present("broadcast", "one shape", a), Arguments.present("broadcast", "the other shape", b));
    }

    /**
     * The strides of a dense row-major layout of this shape.
     *
     * @return elements between neighbours along each axis
     */
    public long[] contiguousStrides() {
        long[] strides = new long[dimensions.length];
        long stride = 1;
        for (int axis = dimensions.length - 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride *= dimensions[axis];
        }
        return strides;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dimensions);
    }

    /** The extents in brackets, as in {@code [8, 256, 64]}. */
    @Override
    public String toString() {
        String end = dimensions.length <= MAX_SHOWN ? "]" : ", ...: %,d dimensions]".formatted(dimensions.length);
        return Arrays.stream(dimensions).limit(MAX_SHOWN).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", end));
    }
}

package kept.backend;

import java.util.Arrays;

/**
 * The axes of operands of one shape, innermost first: axes of extent 1 are dropped, and neighbouring axes that are evenly spaced for every operand
 * are merged.
 *
 * @param extents the axes' extents
 * @param strides [axis][operand], in elements
 */
public record MergedAxes(long[] extents, long[][] strides) {
    /**
     * Merges axes.
     *
     * @param shape the extents, outermost first
     * @param operands for each operand, its stride along each axis
     * @return the remaining axes
     */
    public static MergedAxes of(long[] shape, long[]... operands) {
        int rank = 0;
        long[] extents = new long[shape.length];
        long[][] strides = new long[shape.length][];
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            if (shape[axis] == 1) {
                continue;
            }
            long[] step = new long[operands.length];
            for (int operand = 0; operand < operands.length; operand++) {
                step[operand] = operands[operand][axis];
            }
            if (rank > 0 && continues(strides[rank - 1], extents[rank - 1], step)) {
                extents[rank - 1] *= shape[axis];
            } else {
                extents[rank] = shape[axis];
                strides[rank++] = step;
            }
        }
        return new MergedAxes(Arrays.copyOf(extents, rank), Arrays.copyOf(strides, rank));
    }

    /**
     * The number of axes.
     *
     * @return the number of remaining axes
     */
    public int rank() {
        return extents.length;
    }

    /**
     * The axes without the innermost ones.
     *
     * @param first the first axis to keep, at most {@link #rank()}
     * @return the others
     */
    public MergedAxes from(int first) {
        return new MergedAxes(Arrays.copyOfRange(extents, first, rank()), Arrays.copyOfRange(strides, first, rank()));
    }

    private static boolean continues(long[] inner, long extent, long... step) {
        for (int operand = 0; operand < step.length; operand++) {
            if (step[operand] != inner[operand] * extent) {
                return false;
            }
        }
        return true;
    }
}

package kept.cuda;

import kept.tensor.ShapeException;

/** Extents that kernels and cuBLAS take as 32-bit integers. */
final class Extents {
    /** A thread's loop index passes the end of its loop by at most the elements that a block takes at a time. */
    private static final int STEP = 1 << 14;
    /** Largest extent. */
    static final int MOST = Integer.MAX_VALUE - STEP;

    private Extents() {}

    /**
     * Returns an extent as an integer.
     *
     * @param operation name that an error message starts with
     * @param what description of the extent, such as "width"
     * @param extent extent, 0 or more
     * @return the extent
     * @throws ShapeException if it is larger than {@link #MOST}
     */
    static int of(String operation, String what, long extent) {
        if (extent > MOST) {
            throw new ShapeException("[%s] %s %d is more than the GPU's kernels take, which is %d: split the tensor along this axis"
                    .formatted(operation, what, extent, MOST));
        }
        return (int) extent;
    }
}

package kept.nn;

/**
 * The settings of a convolution, the same for each spatial axis.
 *
 * @param stride the step between kernel positions, 1 or more
 * @param padding the zeros added at both ends of each axis, 0 or more
 * @param dilation the distance between the input elements of one kernel position, 1 or more
 * @param groups the number of channel groups, which are convolved separately, 1 or more
 */
public record Convolution(int stride, int padding, int dilation, int groups) {
    /** Stride 1, no padding, dilation 1, one group. */
    public static final Convolution DEFAULT = new Convolution(1, 0, 1, 1);

    /** Validates the values. */
    public Convolution {
        if (stride < 1 || padding < 0 || dilation < 1 || groups < 1) {
            throw new IllegalArgumentException("[convolution] stride, dilation and groups are 1 or more, padding 0 or more, not %d, %d, %d and %d"
                    .formatted(stride, dilation, groups, padding));
        }
    }
}

package kept.nn;

/**
 * How a convolution goes over its input; the same along each of its axes.
 *
 * @param stride how far apart the places are that it looks at, 1 or more
 * @param padding how many zeros lie before and behind each axis, 0 or more
 * @param dilation how far apart the elements are that a weight is multiplied with, 1 or more
 * @param groups into how many parts, each by itself, the channels are divided, 1 or more
 */
public record Convolution(int stride, int padding, int dilation, int groups) {
    /** Every place, no padding, neighbouring elements, one group. */
    public static final Convolution DEFAULT = new Convolution(1, 0, 1, 1);

    /** Checks the numbers. */
    public Convolution {
        if (stride < 1 || padding < 0 || dilation < 1 || groups < 1) {
            throw new IllegalArgumentException("[convolution] stride, dilation and groups are 1 or more, padding 0 or more, not %d, %d, %d and %d"
                    .formatted(stride, dilation, groups, padding));
        }
    }
}

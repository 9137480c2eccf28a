package kept.text;

/** Numbers of things in words: {@code 1 tensor}, {@code 2 tensors}, {@code 1,000 tensors}. */
public final class Counts {
    private Counts() { }

    /**
     * A number of things whose plural ends in {@code s}.
     *
     * @param count how many
     * @param one what one of them is called
     * @return the number and what it counts
     */
    public static String of(long count, String one) {
        return of(count, one, one + "s");
    }

    /**
     * A number of things.
     *
     * @param count how many
     * @param one what one of them is called, and what is said of it
     * @param many the same of any other number
     * @return the number and what it counts
     */
    public static String of(long count, String one, String many) {
        return "%,d %s".formatted(count, count == 1 ? one : many);
    }
}

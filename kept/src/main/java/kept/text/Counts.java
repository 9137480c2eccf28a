package kept.text;

/** Formats counts with their noun: {@code 1 tensor}, {@code 2 tensors}, {@code 1,000 tensors}. */
public final class Counts {
    private Counts() { }

    /**
     * Formats a count whose noun has a plural in {@code s}.
     *
     * @param count how many
     * @param one the noun in the singular
     * @return the count and the noun
     */
    public static String of(long count, String one) {
        return of(count, one, one + "s");
    }

    /**
     * Formats a count.
     *
     * @param count how many
     * @param one the noun, or noun and verb, in the singular
     * @param many the same in the plural
     * @return the count and the noun
     */
    public static String of(long count, String one, String many) {
        return "%,d %s".formatted(count, count == 1 ? one : many);
    }
}

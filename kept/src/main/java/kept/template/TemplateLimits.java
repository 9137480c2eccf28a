package kept.template;

/**
 * Limits on the work of a template. All limits are counts, so a template stops at the same point on every machine.
 *
 * @param steps nodes evaluated, and work of similar cost, such as scanning eight characters or comparing an element
 * @param characters total characters of all strings created, including the output
 * @param items total elements of all lists, tuples and dictionaries created
 * @param depth nesting depth of evaluation, including macro calls
 * @param sourceLength characters of the template
 */
public record TemplateLimits(long steps, long characters, long items, int depth, int sourceLength) {
    /** Enough for published templates and long conversations; reached within about a second and 100 MB. */
    public static final TemplateLimits DEFAULT = new TemplateLimits(3_000_000, 32_000_000, 1_000_000, 1_000, 1_000_000);

    private static final int FACTOR = 32;

    /**
     * Increases the limits in proportion to the input, so that a template may traverse it a few dozen times.
     *
     * @param size total characters of the template's variables
     * @return the limits
     */
    public TemplateLimits plus(long size) {
        return new TemplateLimits(steps + FACTOR * size, characters + FACTOR * size, items + size, depth, sourceLength);
    }
}

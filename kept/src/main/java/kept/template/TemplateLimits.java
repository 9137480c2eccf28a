package kept.template;

/**
 * How much a template may do. All are counts, so that a template ends at the same place on every machine.
 *
 * @param steps nodes evaluated, and work of similar cost: eight characters searched, an element compared
 * @param characters characters of all strings made, the output among them
 * @param items elements of all lists, tuples and dictionaries made
 * @param depth nodes of the template that are being evaluated within each other, macros that call macros included
 * @param sourceLength characters of the template
 */
public record TemplateLimits(long steps, long characters, long items, int depth, int sourceLength) {
    /** Enough for the templates of models and long conversations; reached within about a second and 100 MB. */
    public static final TemplateLimits DEFAULT = new TemplateLimits(3_000_000, 32_000_000, 1_000_000, 1_000, 1_000_000);

    private static final int FACTOR = 32;

    /**
     * Limits that leave room for values of some size: a template may go over them a few dozen times.
     *
     * @param size characters of the values that a template is given
     * @return the limits
     */
    public TemplateLimits plus(long size) {
        return new TemplateLimits(steps + FACTOR * size, characters + FACTOR * size, items + size, depth, sourceLength);
    }
}

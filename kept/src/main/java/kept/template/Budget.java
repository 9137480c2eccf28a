package kept.template;

/** What a rendering has done so far, held against its limits before more is done. */
final class Budget {
    private static final int CHARACTERS_A_STEP = 8;
    /** Of numbers that are written digit by digit: the square of so many is a step. */
    private static final int DIGITS_A_STEP = 1 << 14;

    private final TemplateLimits limits;
    private long steps;
    private long characters;
    private long items;
    private int depth;

    Budget(TemplateLimits limits) {
        this.limits = limits;
    }

    /** Some work, in units of about an evaluated node. */
    void work(long units) {
        steps += units;
        if (steps > limits.steps() || units < 0) {
            throw exceeded("takes more than %,d steps", limits.steps());
        }
    }

    /** Work that goes over a text. */
    void scan(long length) {
        work(1 + length / CHARACTERS_A_STEP);
    }

    /** An int of so many digits is about to be read or written, which takes time by their square. */
    void digits(long count) {
        work(1 + count * count / DIGITS_A_STEP);
    }

    /** A text of this length is about to be made. */
    void text(long length) {
        characters += length;
        if (characters > limits.characters() || length < 0) {
            throw exceeded("makes more than %,d characters of text", limits.characters());
        }
        scan(length);
    }

    /** A list or the like of this length is about to be made. */
    void items(long length) {
        items += length;
        if (items > limits.items() || length < 0) {
            throw exceeded("makes lists of more than %,d elements", limits.items());
        }
        work(length);
    }

    /** An evaluation within another begins. */
    void enter() {
        if (++depth > limits.depth()) {
            throw exceeded("is nested, or its macros call each other, more than %,d deep", limits.depth());
        }
        work(1);
    }

    /** The innermost evaluation ends. */
    void leave() {
        depth--;
    }

    static TemplateException exceeded(String what, long limit) {
        return new TemplateException("the template " + what.formatted(limit) + ", the limit");
    }
}

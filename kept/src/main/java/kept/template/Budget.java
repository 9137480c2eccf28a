package kept.template;

import java.math.BigInteger;

/** Counts the work of a rendering and stops it, before it exceeds a limit. */
final class Budget {
    private static final int CHARACTERS_A_STEP = 8;
    /** Converting a number to or from decimal costs one step per square of this many digits. */
    private static final int DIGITS_A_STEP = 1 << 13;
    /** Products of two words that take about a step. */
    private static final int PRODUCTS_A_STEP = 64;

    private final TemplateLimits limits;
    private long steps;
    private long characters;
    private long items;
    private int depth;

    Budget(TemplateLimits limits) {
        this.limits = limits;
    }

    /** Counts work; one unit is about the evaluation of one node. */
    void work(long units) {
        steps += units;
        if (steps > limits.steps() || units < 0) {
            throw exceeded("takes more than %,d steps", limits.steps());
        }
    }

    /** Counts the work of scanning a text. */
    void scan(long length) {
        work(1 + length / CHARACTERS_A_STEP);
    }

    /** Counts the work of reading or writing an integer with this many digits, which is quadratic. */
    void digits(long count) {
        work(1 + count * count / DIGITS_A_STEP);
    }

    /** Counts the work of multiplying or dividing two integers. */
    void operation(BigInteger left, BigInteger right) {
        long words = left.bitLength() / Long.SIZE + right.bitLength() / Long.SIZE;
        work(words * words / PRODUCTS_A_STEP);
    }

    /** Counts a text of this length before it is created. */
    void text(long length) {
        characters += length;
        if (characters > limits.characters() || length < 0) {
            throw exceeded("makes more than %,d characters of text", limits.characters());
        }
        scan(length);
    }

    /** Counts a list or similar of this length before it is created. */
    void items(long length) {
        items += length;
        if (items > limits.items() || length < 0) {
            throw exceeded("makes lists of more than %,d elements", limits.items());
        }
        work(length);
    }

    /** Enters a nested evaluation. */
    void enter() {
        if (++depth > limits.depth()) {
            throw exceeded("is nested, or its macros call each other, more than %,d deep", limits.depth());
        }
        work(1);
    }

    /** Leaves a nested evaluation. */
    void leave() {
        depth--;
    }

    static TemplateException exceeded(String what, long limit) {
        return new TemplateException("the template " + what.formatted(limit) + ", the limit");
    }
}

package kept.run;

/** Bounds numbers of tokens, so that no number computed from one exceeds a long. */
public final class TokenLimit {
    /** The most tokens that a run trains, evaluates or measures on. */
    public static final long MAX = 1_000_000_000_000L;

    private TokenLimit() {}

    /** Returns a number of tokens, or refuses it. */
    static long require(String what, long count) {
        if (count < 1 || count > MAX) {
            throw new RunException("[tokens] %,d %s: give a number from 1 to %,d".formatted(count, what, MAX));
        }
        return count;
    }
}

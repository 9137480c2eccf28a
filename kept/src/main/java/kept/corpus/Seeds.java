package kept.corpus;

/**
 * Seeds derived from one seed: for the epochs of a text, the documents of a corpus, the rows of a recording. Those of successive numbers are
 * unrelated.
 */
public final class Seeds {
    private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;

    private Seeds() {}

    /**
     * The seed of one of several things.
     *
     * @param seed the seed of all of them
     * @param number the number of the thing
     * @return its seed
     */
    public static long of(long seed, long number) {
        return mix(mix(seed + GOLDEN_RATIO) + number);
    }

    /** The finaliser of SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014). */
    static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}

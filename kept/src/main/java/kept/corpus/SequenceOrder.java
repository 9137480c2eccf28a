package kept.corpus;

/**
 * A permutation of 0 to {@code count - 1}, computed element by element: a Feistel network over the next power of four, applied again while the result
 * is out of range (cycle walking; Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002).
 */
final class SequenceOrder {
    private static final int ROUNDS = 6;

    private final long count;
    private final long key;
    private final int halfBits;

    SequenceOrder(long count, long seed, long epoch) {
        this.count = count;
        this.key = mix(mix(seed + 0x9e3779b97f4a7c15L) + epoch);
        this.halfBits = Math.max(1, (65 - Long.numberOfLeadingZeros(count - 1)) / 2);
    }

    /** The element at an index; both are 0 to {@code count - 1}. */
    long at(long place) {
        long value = place;
        do {
            value = permute(value);
        } while (value >= count);
        return value;
    }

    private long permute(long value) {
        long mask = (1L << halfBits) - 1;
        long left = value >>> halfBits;
        long right = value & mask;
        for (int round = 0; round < ROUNDS; round++) {
            long next = left ^ (mix(key + round * 0x9e3779b97f4a7c15L + right) & mask);
            left = right;
            right = next;
        }
        return left << halfBits | right;
    }

    /** The finaliser of SplitMix64. */
    static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}

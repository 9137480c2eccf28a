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
        this.key = Seeds.of(seed, epoch);
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
            long next = left ^ (Seeds.mix(key + round * 0x9e3779b97f4a7c15L + right) & mask);
            left = right;
            right = next;
        }
        return left << halfBits | right;
    }
}

package kept.cuda.virtual;

import java.util.SplittableRandom;

/** The order in which the blocks of a launch run and the warps of a block are scheduled. Hardware guarantees none. */
final class Order {
    /** Ascending by index; a warp runs until it waits. */
    static final Order ASCENDING = new Order("blocks and warps run by ascending number", false, null);

    /** Descending by index. */
    static final Order REVERSED = new Order("blocks and warps run in reversed order", true, null);

    /** Time slice of a warp in instructions, so that warps that wait for each other without a barrier make progress. */
    private static final int LONG_TURN = 1 << 20;
    private static final int SHORT_TURN = 100;

    private final String name;
    private final boolean reversed;
    private final Long seed;

    private Order(String name, boolean reversed, Long seed) {
        this.name = name;
        this.reversed = reversed;
        this.seed = seed;
    }

    /** Returns a random order with time slices of a few instructions. */
    static Order random(long seed) {
        return new Order("blocks and warps run in the random order of seed " + seed, false, seed);
    }

    /** Returns the index of the block that runs at a position of the order. */
    long block(long turn, long blocks) {
        if (seed == null) {
            return reversed ? blocks - 1 - turn : turn;
        }
        var random = new SplittableRandom(seed);
        long step = random.nextLong(blocks);
        while (divisor(step, blocks) > 1) {
            step = (step + 1) % blocks;
        }
        return (random.nextLong(blocks) + step * turn) % blocks;
    }

    private static long divisor(long a, long b) {
        return a == 0 ? b : divisor(b % a, a);
    }

    /** Returns the warps of a block in scheduling order. */
    int[] warps(int count, SplittableRandom random) {
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++) {
            int place = seed == null ? i : random.nextInt(i + 1);
            numbers[i] = numbers[place];
            numbers[place] = reversed ? count - 1 - i : i;
        }
        return numbers;
    }

    /** Returns the random generator of a block. */
    SplittableRandom source(int block) {
        return new SplittableRandom(seed == null ? 0 : seed * 31 + block);
    }

    /** Returns the length of the next time slice in instructions. */
    int turn(SplittableRandom random) {
        return seed == null ? LONG_TURN : 1 + random.nextInt(SHORT_TURN);
    }

    @Override
    public String toString() {
        return name;
    }
}

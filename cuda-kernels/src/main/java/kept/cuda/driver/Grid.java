package kept.cuda.driver;

/**
 * How many threads run a kernel.
 *
 * @param x blocks along x
 * @param y blocks along y, at most 65535
 * @param z blocks along z, at most 65535
 * @param threadsX threads of a block along x
 * @param threadsY threads of a block along y
 */
public record Grid(int x, int y, int z, int threadsX, int threadsY) {
    /** Checks that there is at least one of each. */
    public Grid {
        if (x < 1 || y < 1 || z < 1 || threadsX < 1 || threadsY < 1) {
            throw new IllegalArgumentException("[launch] a grid of %d x %d x %d blocks of %d x %d threads".formatted(x, y, z, threadsX, threadsY));
        }
    }

    /**
     * Blocks along one axis.
     *
     * @param blocks how many
     * @param threads of each
     * @return the grid
     */
    public static Grid of(long blocks, int threads) {
        return new Grid(Math.toIntExact(blocks), 1, 1, threads, 1);
    }
}

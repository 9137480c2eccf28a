package kept.cuda.driver;

import kept.tensor.DeviceException;

/**
 * Grid and block dimensions of a launch.
 *
 * @param x blocks along x
 * @param y blocks along y, at most 65535
 * @param z blocks along z, at most 65535
 * @param threadsX threads per block along x
 * @param threadsY threads per block along y
 */
public record Grid(int x, int y, int z, int threadsX, int threadsY) {
    /** Checks that every dimension is at least 1. */
    public Grid {
        if (x < 1 || y < 1 || z < 1 || threadsX < 1 || threadsY < 1) {
            throw new IllegalArgumentException("[launch] every dimension must be at least 1: a grid of %d x %d x %d blocks of %d x %d threads"
                    .formatted(x, y, z, threadsX, threadsY));
        }
    }

    /**
     * Creates a one-dimensional grid.
     *
     * @param blocks number of blocks
     * @param threads threads per block
     * @return grid
     * @throws DeviceException if there are more blocks than a grid has along x
     */
    public static Grid of(long blocks, int threads) {
        return of(blocks, threads, 1);
    }

    /**
     * Creates a one-dimensional grid of blocks with two dimensions.
     *
     * @param blocks number of blocks
     * @param threadsX threads per block along x
     * @param threadsY threads per block along y
     * @return grid
     * @throws DeviceException if there are more blocks than a grid has along x
     */
    public static Grid of(long blocks, int threadsX, int threadsY) {
        if (blocks > Integer.MAX_VALUE) {
            throw new DeviceException("[launch] a grid has at most %d blocks along x, not %d: use fewer rows at a time"
                    .formatted(Integer.MAX_VALUE, blocks));
        }
        return new Grid((int) blocks, 1, 1, threadsX, threadsY);
    }
}

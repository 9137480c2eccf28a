package kept.cuda.virtual;

import java.util.Arrays;

/** Pending {@code cp.async} copies of a warp. Their bytes are stored only when the thread waits for them, so that a missing wait shows. */
final class AsyncCopies {
    private final Warp warp;

    /** Number of committed groups per lane; a copy belongs to the group with the number at its start. */
    private final int[] committed = new int[Warp.LANES];
    private int count;
    private int[] lanes = new int[64];
    private int[] groups = new int[64];
    private int[] places = new int[64];
    private int[] sizes = new int[64];
    private byte[] data = new byte[64 * 16];

    AsyncCopies(Warp warp) {
        this.warp = warp;
    }

    void clear() {
        count = 0;
        Arrays.fill(committed, 0);
    }

    /** Starts a copy of {@code given} bytes, padded with zeros to its size. */
    void begin(int lane, byte[] from, int at, int given, int place, int size) {
        if (count == lanes.length) {
            lanes = Arrays.copyOf(lanes, 2 * count);
            groups = Arrays.copyOf(groups, 2 * count);
            places = Arrays.copyOf(places, 2 * count);
            sizes = Arrays.copyOf(sizes, 2 * count);
            data = Arrays.copyOf(data, 2 * 16 * count);
        }
        warp.block.shared().beginCopy(warp, lane, place, size);
        lanes[count] = lane;
        groups[count] = committed[lane];
        places[count] = place;
        sizes[count] = size;
        if (given > 0) {
            System.arraycopy(from, at, data, 16 * count, given);
        }
        Arrays.fill(data, 16 * count + given, 16 * count + size, (byte) 0);
        count++;
    }

    /** Commits the current group of some lanes. */
    void commit(int mask) {
        for (int m = mask; m != 0; m &= m - 1) {
            committed[Integer.numberOfTrailingZeros(m)]++;
        }
    }

    /** Completes the committed groups of some lanes except a number of the latest ones. */
    void await(int mask, int but) {
        land(mask, but);
    }

    /** Completes all copies of some lanes, committed or not. */
    void awaitAll(int mask) {
        land(mask, -1);
    }

    private void land(int mask, int but) {
        byte[] shared = warp.block.shared().data();
        int kept = 0;
        for (int i = 0; i < count; i++) {
            int lane = lanes[i];
            if ((mask >> lane & 1) != 0 && groups[i] < committed[lane] - but) {
                System.arraycopy(data, 16 * i, shared, places[i], sizes[i]);
                warp.block.shared().land(warp, lane, places[i], sizes[i]);
            } else {
                lanes[kept] = lane;
                groups[kept] = groups[i];
                places[kept] = places[i];
                sizes[kept] = sizes[i];
                System.arraycopy(data, 16 * i, data, 16 * kept++, 16);
            }
        }
        count = kept;
    }
}

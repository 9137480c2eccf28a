package kept.tensor;

import java.util.Arrays;
import java.util.Comparator;

/** The order of elements along an axis, found on the host: equal ones stay in their order, and NaN is larger than all numbers. */
final class Sorting {
    private Sorting() {}

    /**
     * Where each element of the ordered axis was.
     *
     * @param x the elements
     * @param axis the axis, from 0
     * @param descending whether the largest come first
     * @return I64, of this shape
     */
    static Tensor order(Tensor x, int axis, boolean descending) {
        int rank = x.rank();
        Tensor rows = x.detach().transpose(axis, rank - 1);
        int width = Math.toIntExact(x.size(axis));
        long[] keys = x.dtype().isFloating() ? keys(rows.toFloatArray()) : rows.toLongArray();
        if (descending) {
            Arrays.setAll(keys, i -> ~keys[i]);
        }
        long[] order = new long[keys.length];
        for (int from = 0; from < keys.length; from += width) {
            sort(keys, from, width, order);
        }
        return Tensor.of(order, rows.shape().toArray()).reshape(rows.shape()).transpose(axis, rank - 1).contiguous();
    }

    /** Numbers in 32 bits that are ordered as the floats are; -0 and 0 are equal, all NaN are the largest. */
    private static long[] keys(float... values) {
        long[] keys = new long[values.length];
        for (int i = 0; i < keys.length; i++) {
            int bits = Float.floatToIntBits(values[i] == 0 ? 0f : values[i]);
            keys[i] = bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
        }
        return keys;
    }

    private static void sort(long[] keys, int from, int width, long... order) {
        boolean isSmall = true;
        for (int i = 0; i < width; i++) {
            isSmall &= keys[from + i] == (int) keys[from + i];
        }
        if (isSmall) {
            // A key and, for equal ones, the place.
            long[] both = new long[width];
            Arrays.setAll(both, i -> keys[from + i] << 32 | i);
            Arrays.sort(both);
            Arrays.setAll(both, i -> both[i] & Integer.MAX_VALUE);
            System.arraycopy(both, 0, order, from, width);
            return;
        }
        Integer[] places = new Integer[width];
        Arrays.setAll(places, i -> i);
        Arrays.sort(places, Comparator.comparingLong(i -> keys[from + i]));
        for (int i = 0; i < width; i++) {
            order[from + i] = places[i];
        }
    }
}

package kept.tensor;

import java.util.Arrays;
import java.util.Comparator;

/** Sorts elements along an axis on the host. The sort is stable, and NaN is larger than all numbers. */
final class Sorting {
    private Sorting() {}

    /**
     * The original index of each sorted element.
     *
     * @param x the elements
     * @param axis the axis, from 0
     * @param descending whether the largest come first
     * @return I64, of this shape
     */
    static Tensor order(Tensor x, int axis, boolean descending) {
        int rank = x.rank();
        if (x.elementCount() > Integer.MAX_VALUE - 8) {
            throw new ShapeException("[sort] the %d elements of %s are more than the host sorts; take a slice"
                    .formatted(x.elementCount(), x.shape()));
        }
        Tensor rows = x.detach().transpose(axis, rank - 1);
        int width = (int) Math.min(x.size(axis), Integer.MAX_VALUE);
        long[] keys = !x.dtype().isFloating() ? rows.toLongArray() : x.dtype() == DType.F64 ? keys(rows.toDoubleArray()) : keys(rows.toFloatArray());
        if (descending) {
            Arrays.setAll(keys, i -> ~keys[i]);
        }
        long[] order = new long[keys.length];
        for (int from = 0; from < keys.length; from += width) {
            sort(keys, from, width, order);
        }
        return Tensor.of(order, rows.shape().toArray()).reshape(rows.shape()).transpose(axis, rank - 1).contiguous();
    }

    /** 32-bit keys in the order of the floats; -0 and 0 are equal, and NaN is the largest. */
    private static long[] keys(float... values) {
        long[] keys = new long[values.length];
        for (int i = 0; i < keys.length; i++) {
            int bits = Float.floatToIntBits(values[i] == 0 ? 0f : values[i]);
            keys[i] = bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
        }
        return keys;
    }

    /** 64-bit keys in the order of the doubles; -0 and 0 are equal, and NaN is the largest. */
    private static long[] keys(double... values) {
        long[] keys = new long[values.length];
        for (int i = 0; i < keys.length; i++) {
            long bits = Double.doubleToLongBits(values[i] == 0 ? 0.0 : values[i]);
            keys[i] = bits < 0 ? bits ^ Long.MAX_VALUE : bits;
        }
        return keys;
    }

    private static void sort(long[] keys, int from, int width, long... order) {
        boolean isSmall = true;
        for (int i = 0; i < width; i++) {
            isSmall &= keys[from + i] == (int) keys[from + i];
        }
        if (isSmall) {
            // The key, then the index for equal keys.
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

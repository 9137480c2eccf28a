package kept.tensor;

import java.util.Arrays;

/**
 * Decides whether views share elements: an expanded view with itself, or two views of one buffer. The answer is exact, except for strides that need
 * more than {@value #STEPS} steps; those count as overlapping, and no operation of this library creates them.
 *
 * <p>Both cases ask whether {@code sum of stride_i d_i = target} has an integer solution with each d_i between two bounds. The search goes from the
 * largest stride to the smallest: the total range of the smaller strides leaves few values for each d_i.
 */
final class MemoryOverlap {
    private static final int STEPS = 100_000;

    private final long[] strides;
    private final long[] low;
    private final long[] high;
    /** The range of the sum of the terms from i on, and its greatest common divisor. */
    private final long[] lowest;
    private final long[] highest;
    private final long[] divisor;
    private int steps;

    private MemoryOverlap(long[] strides, long[] low, long[] high, int count) {
        Integer[] order = new Integer[count];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (i, j) -> Long.compare(Math.abs(strides[j]), Math.abs(strides[i])));
        this.strides = new long[count];
        this.low = new long[count];
        this.high = new long[count];
        for (int i = 0; i < count; i++) {
            int from = order[i];
            boolean reversed = strides[from] < 0;
            this.strides[i] = Math.abs(strides[from]);
            this.low[i] = reversed ? -high[from] : low[from];
            this.high[i] = reversed ? -low[from] : high[from];
        }
        lowest = new long[count + 1];
        highest = new long[count + 1];
        divisor = new long[count + 1];
        for (int i = count - 1; i >= 0; i--) {
            lowest[i] = lowest[i + 1] + this.strides[i] * this.low[i];
            highest[i] = highest[i + 1] + this.strides[i] * this.high[i];
            divisor[i] = gcd(this.strides[i], divisor[i + 1]);
        }
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    /** Whether several elements of a view share a memory location. */
    static boolean within(Shape shape, long[] strides) {
        long[] extents = shape.toArray();
        long[] moved = new long[extents.length];
        long[] low = new long[extents.length];
        long[] high = new long[extents.length];
        int count = 0;
        for (int axis = 0; axis < extents.length; axis++) {
            if (extents[axis] == 0) {
                return false;
            }
            if (extents[axis] > 1) {
                moved[count] = strides[axis];
                low[count] = 1 - extents[axis];
                high[count++] = extents[axis] - 1;
            }
        }
        return new MemoryOverlap(moved, low, high, count).meetsItself();
    }

    /** Whether two views of the same buffer share an element. */
    static boolean between(Tensor a, Tensor b) {
        if (a.elementCount() == 0 || b.elementCount() == 0) {
            return false;
        }
        int rank = a.rank() + b.rank();
        long[] strides = Arrays.copyOf(a.strides(), rank);
        long[] high = new long[rank];
        for (int axis = 0; axis < rank; axis++) {
            boolean isFirst = axis < a.rank();
            int own = isFirst ? axis : axis - a.rank();
            strides[axis] = isFirst ? strides[axis] : -b.stride(own);
            high[axis] = (isFirst ? a : b).size(own) - 1;
        }
        return new MemoryOverlap(strides, new long[rank], high, rank).reaches(0, b.offset() - a.offset());
    }

    /** The locations of two elements differ by a sum whose first nonzero term can be assumed positive. */
    private boolean meetsItself() {
        boolean nested = true;
        for (int i = 0; i < strides.length; i++) {
            nested &= strides[i] > highest[i + 1];
        }
        if (nested) {
            return false;
        }
        for (int first = 0; first < strides.length; first++) {
            long most = strides[first] == 0 ? 1 : Math.min(high[first], highest[first + 1] / strides[first]);
            for (long d = 1; d <= most; d++) {
                if (reaches(first + 1, -d * strides[first])) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether the terms from an index on can add up to a target. */
    private boolean reaches(int term, long target) {
        if (++steps > STEPS) {
            return true;
        }
        if (target < lowest[term] || target > highest[term]) {
            return false;
        }
        if (divisor[term] == 0 || target % divisor[term] != 0) {
            return target == 0;
        }
        if (term == strides.length - 1) {
            return true;
        }
        long stride = strides[term];
        long from = Math.max(low[term], Math.ceilDiv(target - highest[term + 1], stride));
        long to = Math.min(high[term], Math.floorDiv(target - lowest[term + 1], stride));
        for (long d = from; d <= to; d++) {
            if (reaches(term + 1, target - d * stride)) {
                return true;
            }
        }
        return false;
    }
}

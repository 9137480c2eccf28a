package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** The index of the largest element of each row. */
final class ArgMaxKernel {
    private ArgMaxKernel() {}

    /**
     * The index along the innermost axis.
     *
     * @param x the operand
     * @param out the result, I64
     */
    static void argMax(Tensor x, Tensor out) {
        MemorySegment target = Elements.segment(out);
        StridedIterator rows = StridedIterator.over(out, ReduceKernel.first(x, out.shape()));
        long n = x.size(-1);
        int longest = Math.clamp(StridedIterator.TASK / n, 1, StridedIterator.RUN);
        rows.forEachTask(longest, n, () -> {
            RunWindow window = x.dtype().arithmetic() == DType.F32 ? new RunWindow(x, x.stride(-1), 0) : null;
            return (positions, count) -> {
                for (int i = 0; i < count; i++) {
                    long row = positions[1] + i * rows.stride(1);
                    long best = window != null ? ofFloats(window, row, x.stride(-1), n)
                            : x.dtype() == DType.F64 ? DoubleLoops.argMax(x, row) : ofIntegers(x, row);
                    Elements.setLong(target, out.dtype(), positions[0] + i * rows.stride(0), best);
                }
            };
        });
    }

    /** Computes the maximum of each run, and searches for its index only if it is larger than the maximum so far. */
    private static long ofFloats(RunWindow window, long row, long stride, long n) {
        long best = 0;
        float largest = Float.NEGATIVE_INFINITY;
        for (long j = 0; j < n && largest == largest; j += StridedIterator.RUN) {
            int count = (int) Math.min(StridedIterator.RUN, n - j);
            window.read(row + j * stride, count);
            float max = ContiguousReduction.MAXIMUM.of(window.memory(), window.at(), count);
            if (!(max <= largest)) {
                largest = max;
                best = j + indexOf(window.memory(), window.at(), count, max);
            }
        }
        return best;
    }

    private static long ofIntegers(Tensor x, long row) {
        MemorySegment source = Elements.segment(x);
        long best = 0;
        long largest = Elements.getLong(source, x.dtype(), row);
        for (long j = 1; j < x.size(-1); j++) {
            long value = Elements.getLong(source, x.dtype(), row + j * x.stride(-1));
            if (value > largest) {
                best = j;
                largest = value;
            }
        }
        return best;
    }

    /** The index of the first occurrence of a value; NaN finds any NaN. */
    private static int indexOf(MemorySegment x, long at, int count, float value) {
        for (int i = 0; i < count; i++) {
            float element = x.get(JAVA_FLOAT, at + 4L * i);
            if (element == value || element != element && value != value) {
                return i;
            }
        }
        return -1;
    }
}

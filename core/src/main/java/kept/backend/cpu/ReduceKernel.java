package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import kept.backend.Reduction;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Reductions over the innermost axes, and the index of the largest. */
final class ReduceKernel {
    private ReduceKernel() {}

    static void reduce(Reduction reduction, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        DType dtype = x.dtype();
        int kept = out.rank();
        long[] extents = x.shape().toArray();
        long[] reduced = Arrays.copyOfRange(extents, kept, extents.length);
        long[][] strides = {Arrays.copyOfRange(x.strides(), kept, extents.length)};
        Tensor first = x.alias(out.shape(), Arrays.copyOf(x.strides(), kept), x.offset());
        Walk outer = Walk.over(out, first);
        outer.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                Walk inner = Walk.over(reduced, strides, new long[] {positions[1] + i * outer.stride(1)});
                long o = positions[0] + i * outer.stride(0);
                if (dtype.isFloating()) {
                    Elements.setFloat(target, dtype, o, reduceFloat(reduction, source, dtype, inner));
                } else {
                    Elements.setLong(target, dtype, o, reduceLong(reduction, source, dtype, inner));
                }
            }
        });
    }

    private static float reduceFloat(Reduction reduction, MemorySegment source, DType dtype, Walk walk) {
        float[] result = {
            switch (reduction) {
                case SUM -> 0;
                case MAXIMUM -> Float.NEGATIVE_INFINITY;
                case MINIMUM -> Float.POSITIVE_INFINITY;
            }
        };
        walk.forEachInOrder((positions, count) -> {
            for (int i = 0; i < count; i++) {
                float value = Elements.getFloat(source, dtype, positions[0] + i * walk.stride(0));
                result[0] = switch (reduction) {
                    case SUM -> result[0] + value;
                    case MAXIMUM -> Math.max(result[0], value);
                    case MINIMUM -> Math.min(result[0], value);
                };
            }
        });
        return result[0];
    }

    private static long reduceLong(Reduction reduction, MemorySegment source, DType dtype, Walk walk) {
        long[] result = {
            switch (reduction) {
                case SUM -> 0;
                case MAXIMUM -> Long.MIN_VALUE;
                case MINIMUM -> Long.MAX_VALUE;
            }
        };
        walk.forEachInOrder((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long value = Elements.getLong(source, dtype, positions[0] + i * walk.stride(0));
                result[0] = switch (reduction) {
                    case SUM -> result[0] + value;
                    case MAXIMUM -> Math.max(result[0], value);
                    case MINIMUM -> Math.min(result[0], value);
                };
            }
        });
        return result[0];
    }

    static void argMax(Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        DType dtype = x.dtype();
        long n = x.size(-1);
        long stride = x.stride(-1);
        Shape kept = out.shape();
        Walk walk = Walk.over(out, x.alias(kept, Arrays.copyOf(x.strides(), kept.rank()), x.offset()));
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long row = positions[1] + i * walk.stride(1);
                long best = dtype.isFloating() ? argMaxFloat(source, dtype, row, stride, n) : argMaxLong(source, dtype, row, stride, n);
                Elements.setLong(target, out.dtype(), positions[0] + i * walk.stride(0), best);
            }
        });
    }

    private static long argMaxFloat(MemorySegment source, DType dtype, long row, long stride, long n) {
        long best = 0;
        float largest = Elements.getFloat(source, dtype, row);
        for (long j = 1; j < n && largest == largest; j++) {
            float value = Elements.getFloat(source, dtype, row + j * stride);
            if (!(value <= largest)) {
                best = j;
                largest = value;
            }
        }
        return best;
    }

    private static long argMaxLong(MemorySegment source, DType dtype, long row, long stride, long n) {
        long best = 0;
        long largest = Elements.getLong(source, dtype, row);
        for (long j = 1; j < n; j++) {
            long value = Elements.getLong(source, dtype, row + j * stride);
            if (value > largest) {
                best = j;
                largest = value;
            }
        }
        return best;
    }
}

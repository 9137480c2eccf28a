package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongBinaryOperator;
import kept.backend.Binary;
import kept.backend.Reduction;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Reductions over the innermost axes.
 *
 * <p>If the elements of one result are contiguous, each result is reduced separately ("rows"). If neighbouring results have neighbouring elements, as
 * in the sum over the rows of a matrix, runs of results are reduced at a time ("columns"). If there are few results, the longest reduced axis is
 * divided into chunks that are reduced in parallel, and then their results are reduced. The choice depends on shape and strides alone, so the order
 * of a sum is fixed.
 */
final class ReduceKernel {
    /** The number of tasks below which work is divided further. */
    private static final long ENOUGH_TASKS = 16;
    /** The approximate number of elements of a chunk. */
    private static final long CHUNK = 2 * StridedIterator.TASK;

    /** The number of terms of a column that are summed separately first: two short chains of additions lose fewer digits than one long chain. */
    private static final int GROUP = 64;

    private ReduceKernel() {}

    /**
     * {@code out[i...] = reduction over j... of x[i..., j...]}.
     *
     * @param reduction what to compute
     * @param x the operand
     * @param out the result
     */
    static void reduce(Reduction reduction, Tensor x, Tensor out) {
        if (x.elementCount() == 0) {
            // Before any view of x: the first elements of results do not exist.
            CopyKernel.fill(out, x.dtype().isFloating() ? identity(reduction) : start(reduction, x.dtype()));
        } else if (x.dtype() == DType.F64) {
            DoubleLoops.reduce(reduction, x, out);
        } else if (!x.dtype().isFloating()) {
            reduceIntegers(reduction, x, out);
        } else {
            StridedIterator kept = StridedIterator.over(out, first(x, out.shape()));
            int axis = longestReducedAxis(x, out.rank());
            boolean columns = kept.stride(1) == 1 && axis >= 0 && x.stride(-1) != 1;
            long terms = x.elementCount() / out.elementCount();
            long together = columns ? Math.min(StridedIterator.RUN, kept.run()) : 1;
            long tasks = out.elementCount() / together;
            if (axis >= 0 && tasks < ENOUGH_TASKS && terms * together > 2 * CHUNK) {
                reduceChunks(reduction, x, out, axis, Math.max(1, CHUNK * x.size(axis) / (terms * together)));
            } else if (columns) {
                reduceColumns(reduction, kept, x, out);
            } else {
                reduceRows(reduction, kept, x, out);
            }
        }
    }

    /** The result of a reduction over no elements. */
    static float identity(Reduction reduction) {
        return switch (reduction) {
            case SUM -> 0;
            case MAXIMUM -> Float.NEGATIVE_INFINITY;
            case MINIMUM -> Float.POSITIVE_INFINITY;
        };
    }

    /** The elements of x at index 0 of all reduced axes. */
    static Tensor first(Tensor x, Shape kept) {
        return TensorMemory.view(x, kept, Arrays.copyOf(x.strides(), kept.rank()), x.offset());
    }

    private static int longestReducedAxis(Tensor x, int kept) {
        int longest = -1;
        for (int axis = kept; axis < x.rank(); axis++) {
            if (x.size(axis) > 1 && (longest < 0 || x.size(axis) > x.size(longest))) {
                longest = axis;
            }
        }
        return longest;
    }

    /** An iterator over the reduced axes, from element 0 of memory; the kernel adds a result's position. */
    static StridedIterator reduced(Tensor x, int kept) {
        long[] extents = x.shape().toArray();
        long[][] strides = {Arrays.copyOfRange(x.strides(), kept, extents.length)};
        return StridedIterator.over(Arrays.copyOfRange(extents, kept, extents.length), strides, new long[1]);
    }

    /** The chunks become one more kept axis, the outermost: [chunk, kept..., reduced...]. */
    private static void reduceChunks(Reduction reduction, Tensor x, Tensor out, int axis, long length) {
        long chunks = x.size(axis) / length;
        long rest = x.size(axis) % length;
        long[] kept = out.shape().toArray();
        try (var _ = Scope.open(x.device())) {
            Tensor partial = Tensor.empty(DType.F32, Shape.of(prefixed(chunks + (rest > 0 ? 1 : 0), kept)));
            long[] strides = partial.strides();
            Shape chunk = x.shape().with(axis, length);
            reduce(reduction, TensorMemory.view(x, Shape.of(prefixed(chunks, chunk.toArray())), prefixed(x.stride(axis) * length, x.strides()),
                    x.offset()),
                    TensorMemory.view(partial, Shape.of(prefixed(chunks, kept)), strides, 0));
            if (rest > 0) {
                Tensor tail = TensorMemory.view(x, x.shape().with(axis, rest), x.strides(), x.offset() + chunks * length * x.stride(axis));
                reduce(reduction, tail, TensorMemory.view(partial, out.shape(), Arrays.copyOfRange(strides, 1, strides.length), chunks * strides[0]));
            }
            long[] turned = Arrays.copyOfRange(strides, 1, strides.length + 1);
            turned[kept.length] = strides[0];
            long[] shape = Arrays.copyOf(kept, kept.length + 1);
            shape[kept.length] = partial.size(0);
            reduce(reduction, TensorMemory.view(partial, Shape.of(shape), turned, 0), out);
        }
    }

    private static long[] prefixed(long first, long[] others) {
        long[] all = new long[others.length + 1];
        all[0] = first;
        System.arraycopy(others, 0, all, 1, others.length);
        return all;
    }

    private static void reduceColumns(Reduction reduction, StridedIterator kept, Tensor x, Tensor out) {
        ElementwiseLoop loop = ElementwiseKernel.loop(switch (reduction) {
            case SUM -> Binary.ADD;
            case MAXIMUM -> Binary.MAXIMUM;
            case MINIMUM -> Binary.MINIMUM;
        });
        StridedIterator terms = reduced(x, out.rank());
        long cost = x.elementCount() / out.elementCount();
        kept.forEachTask(StridedIterator.RUN, cost, () -> {
            var result = new RunWindow(out, kept.stride(0), 0);
            var operand = new RunWindow(x, 1, 1);
            MemorySegment group = RunWindow.block(2);
            return (positions, count) -> {
                result.place(positions[0]);
                result.fill(identity(reduction), count);
                terms.forEachInOrder((offsets, length) -> {
                    for (int i = 0; i < length; i += GROUP) {
                        Elements.fill(group, 0, identity(reduction), count);
                        for (int j = i; j < Math.min(i + GROUP, length); j++) {
                            operand.read(positions[1] + offsets[0] + j * terms.stride(0), count);
                            loop.run(operand.memory(), operand.at(), group, 0, group, 0, count);
                        }
                        loop.run(group, 0, result.memory(), result.at(), result.memory(), result.at(), count);
                    }
                });
                result.write(positions[0], count);
            };
        });
    }

    private static void reduceRows(Reduction reduction, StridedIterator kept, Tensor x, Tensor out) {
        MemorySegment target = Elements.segment(out);
        StridedIterator terms = reduced(x, out.rank());
        long cost = x.elementCount() / out.elementCount();
        int longest = Math.clamp(StridedIterator.TASK / cost, 1, StridedIterator.RUN);
        kept.forEachTask(longest, cost, () -> {
            var operand = new RunWindow(x, terms.stride(0), 0);
            double[] result = new double[1];
            return (positions, count) -> {
                for (int i = 0; i < count; i++) {
                    long row = positions[1] + i * kept.stride(1);
                    result[0] = identity(reduction);
                    terms.forEachInOrder((offsets, length) -> {
                        operand.read(row + offsets[0], length);
                        switch (reduction) {
                            case SUM -> result[0] += ContiguousReduction.SUM.of(operand.memory(), operand.at(), length);
                            case MAXIMUM -> result[0] = Math.max(result[0], ContiguousReduction.MAXIMUM.of(operand.memory(), operand.at(), length));
                            case MINIMUM -> result[0] = Math.min(result[0], ContiguousReduction.MINIMUM.of(operand.memory(), operand.at(), length));
                        }
                    });
                    Elements.setFloat(target, out.dtype(), positions[0] + i * kept.stride(0), (float) result[0]);
                }
            };
        });
    }

    /** The result of a reduction of integers over no elements. */
    private static long start(Reduction reduction, DType dtype) {
        return switch (reduction) {
            case SUM -> 0;
            case MAXIMUM -> dtype == DType.I64 ? Long.MIN_VALUE : dtype == DType.I32 ? Integer.MIN_VALUE : 0;
            case MINIMUM -> dtype == DType.I32 ? Integer.MAX_VALUE : Long.MAX_VALUE;
        };
    }

    private static void reduceIntegers(Reduction reduction, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        LongBinaryOperator function = switch (reduction) {
            case SUM -> Long::sum;
            case MAXIMUM -> Math::max;
            case MINIMUM -> Math::min;
        };
        long start = start(reduction, x.dtype());
        StridedIterator kept = StridedIterator.over(out, first(x, out.shape()));
        StridedIterator terms = reduced(x, out.rank());
        kept.forEach((positions, count) -> {
            long[] result = new long[1];
            for (int i = 0; i < count; i++) {
                long row = positions[1] + i * kept.stride(1);
                result[0] = start;
                terms.forEachInOrder((offsets, length) -> {
                    for (int j = 0; j < length; j++) {
                        long value = Elements.getLong(source, x.dtype(), row + offsets[0] + j * terms.stride(0));
                        result[0] = function.applyAsLong(result[0], value);
                    }
                });
                Elements.setLong(target, out.dtype(), positions[0] + i * kept.stride(0), result[0]);
            }
        });
    }
}

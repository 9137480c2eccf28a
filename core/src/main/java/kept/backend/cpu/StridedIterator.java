package kept.backend.cpu;

import java.util.function.Supplier;
import kept.backend.MergedAxes;
import kept.backend.TensorMemory;
import kept.tensor.Tensor;

/**
 * Iterates over the elements of operands of one shape; the only class that turns strides into memory positions.
 *
 * <p>Axes of extent 1 are dropped and neighbouring axes that are evenly spaced for every operand are merged, so that dense operands of any shape
 * become one long run. The innermost axis that remains is handed to the kernel as runs of at most {@value #RUN} elements, each with a fixed stride
 * for every operand; the axes around it advance by addition. Which runs make a task depends on the shape alone.
 */
final class StridedIterator {
    /** The maximum number of elements of a run; the runs of a few operands fit the first-level cache. */
    static final int RUN = 2048;
    /** The approximate number of elements of a task of the worker pool: some ten microseconds of work. */
    static final long TASK = 16 * RUN;

    private final int operands;
    /** Extents and strides of the outer axes, outermost first; strides are [axis][operand]. */
    private final long[] extents;
    private final long[][] strides;
    private final long[] base;
    private final long inner;
    private final long[] innerStrides;
    private final long outer;

    /** A kernel's work on one run. */
    @FunctionalInterface
    interface Run {
        /**
         * Processes neighbouring elements.
         *
         * @param positions the index of the run's first element in each operand's memory; not to be changed
         * @param count the number of elements
         */
        void accept(long[] positions, int count);
    }

    private StridedIterator(long[] shape, long[][] operandStrides, long[] base) {
        this.operands = operandStrides.length;
        this.base = base;
        MergedAxes merged = MergedAxes.of(shape, operandStrides);
        long[] sizes = merged.extents();
        long[][] steps = merged.strides();
        int rank = sizes.length;
        long elements = 1;
        for (long size : sizes) {
            elements *= size;
        }
        inner = elements == 0 ? 0 : rank == 0 ? 1 : sizes[0];
        innerStrides = rank == 0 ? new long[operands] : steps[0];
        int outerRank = Math.max(0, rank - 1);
        extents = new long[outerRank];
        strides = new long[outerRank][];
        for (int i = 0; i < outerRank; i++) {
            extents[i] = sizes[rank - 1 - i];
            strides[i] = steps[rank - 1 - i];
        }
        outer = elements == 0 ? 0 : elements / inner;
    }

    /**
     * Creates an iterator over operands of one shape.
     *
     * @param operands the operands; those of another shape than the first are broadcast to it
     * @return the iterator
     */
    static StridedIterator over(Tensor... operands) {
        long[][] strides = new long[operands.length][];
        long[] base = new long[operands.length];
        for (int i = 0; i < operands.length; i++) {
            strides[i] = TensorMemory.expandedStrides(operands[i], operands[0].shape(), "iterate");
            base[i] = operands[i].offset();
        }
        return new StridedIterator(operands[0].shape().toArray(), strides, base);
    }

    /**
     * Creates an iterator over given axes.
     *
     * @param shape the extents, outermost first
     * @param strides for each operand, its stride along each axis
     * @param base for each operand, the element index of its first element
     * @return the iterator
     */
    static StridedIterator over(long[] shape, long[][] strides, long[] base) {
        return new StridedIterator(shape, strides, base);
    }

    /**
     * The stride of an operand within runs.
     *
     * @param operand its index among the operands
     * @return elements between neighbours, 0 if the operand has one value for the whole run
     */
    long stride(int operand) {
        return innerStrides[operand];
    }

    /**
     * The extent of the innermost axis, whose elements are evenly spaced.
     *
     * @return the number of elements; 0 if an operand is empty
     */
    long run() {
        return inner;
    }

    /**
     * The windows through which a task sees operands as f32.
     *
     * @param tensors the operands, floating or I32, at most {@link RunWindow#WINDOWS}
     * @return a window for each
     */
    RunWindow[] windows(Tensor... tensors) {
        RunWindow[] windows = new RunWindow[tensors.length];
        for (int i = 0; i < tensors.length; i++) {
            windows[i] = new RunWindow(tensors[i], innerStrides[i], i);
        }
        return windows;
    }

    /**
     * Passes all runs to a kernel, in parallel if there are many.
     *
     * @param run the kernel, for any thread
     */
    void forEach(Run run) {
        forEachTask(() -> run);
    }

    /**
     * Passes all runs to kernels, one kernel for each task, in parallel if there are many.
     *
     * @param kernels makes the kernel of a task
     */
    void forEachTask(Supplier<Run> kernels) {
        forEachTask(RUN, 1, kernels);
    }

    /**
     * Passes all runs to kernels, one kernel for each task, in parallel if there is enough work.
     *
     * @param longest the maximum number of elements of a run, at most {@link #RUN}
     * @param cost the work of an element, in units of an elementwise operation's
     * @param kernels makes the kernel of a task
     */
    void forEachTask(int longest, long cost, Supplier<Run> kernels) {
        long units = outer * Math.ceilDiv(inner, longest);
        if (units > 0) {
            long grain = Math.max(1, TASK / (Math.min(inner, longest) * cost));
            WorkerPool.shared().forRanges(units, grain, (first, end) -> forEachRun(first, end, longest, kernels.get()));
        }
    }

    /**
     * Passes all runs to a kernel one after another, in row-major order.
     *
     * @param run the kernel
     */
    void forEachInOrder(Run run) {
        forEachRun(0, outer * Math.ceilDiv(inner, RUN), RUN, run);
    }

    private void forEachRun(long firstUnit, long endUnit, int longest, Run run) {
        if (firstUnit >= endUnit) {
            return;
        }
        long pieces = Math.ceilDiv(inner, longest);
        long[] index = new long[extents.length];
        long[] start = base.clone();
        long remaining = firstUnit / pieces;
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            index[axis] = remaining % extents[axis];
            remaining /= extents[axis];
            advance(start, strides[axis], index[axis]);
        }
        long[] positions = new long[operands];
        long piece = firstUnit % pieces;
        for (long unit = firstUnit; unit < endUnit; unit++) {
            System.arraycopy(start, 0, positions, 0, operands);
            advance(positions, innerStrides, piece * longest);
            run.accept(positions, (int) Math.min(longest, inner - piece * longest));
            if (++piece == pieces) {
                piece = 0;
                next(index, start);
            }
        }
    }

    private void next(long[] index, long[] start) {
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            advance(start, strides[axis], 1);
            if (++index[axis] < extents[axis]) {
                return;
            }
            advance(start, strides[axis], -extents[axis]);
            index[axis] = 0;
        }
    }

    private static void advance(long[] positions, long[] steps, long count) {
        for (int operand = 0; operand < positions.length; operand++) {
            positions[operand] += steps[operand] * count;
        }
    }
}

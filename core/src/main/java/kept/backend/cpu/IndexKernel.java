package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.backend.Binary;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Gather, scatter-add and embedding: elements and rows selected by index. */
final class IndexKernel {
    /** The columns of a task that sums rows: whole cache lines. */
    private static final int COLUMNS = 128;

    private IndexKernel() {}

    /**
     * {@code out[..., i, ...] = x[..., index[..., i, ...], ...]}.
     *
     * @param x the source
     * @param axis the axis that is indexed
     * @param index the indices
     * @param out the result
     */
    static void gather(Tensor x, int axis, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        DType dtype = x.dtype();
        long extent = x.size(axis);
        long step = x.stride(axis);
        StridedIterator iterator = StridedIterator.over(out, index, along(x, axis, index.shape()));
        iterator.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long chosen = checked("gather", Elements.getLong(indices, index.dtype(), positions[1] + i * iterator.stride(1)), extent);
                long from = positions[2] + i * iterator.stride(2) + chosen * step;
                CopyKernel.move(source, from, 1, target, positions[0] + i * iterator.stride(0), 1, dtype.bytes(), 1);
            }
        });
    }

    /**
     * {@code out[..., index[..., i, ...], ...] += x[..., i, ...]}. Slices along the outermost other axis write different elements of out, so they are
     * processed in parallel; within a slice, elements are added in row-major order.
     *
     * @param x the terms to add
     * @param axis the axis that is indexed
     * @param index the indices
     * @param out accumulates
     */
    static void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        int divided = axis > 0 || x.rank() == 1 ? 0 : 1;
        if (divided == axis || x.elementCount() == 0) {
            scatterSlice(x, axis, index, out);
            return;
        }
        long slices = x.size(divided);
        WorkerPool.shared().forRanges(slices, Math.max(1, StridedIterator.TASK * slices / x.elementCount()), (first, end) -> {
            Tensor from = slice(x, divided, first, end - first);
            scatterSlice(from, axis, slice(index, divided, first, end - first), slice(out, divided, first, end - first));
        });
    }

    private static Tensor slice(Tensor tensor, int axis, long first, long count) {
        return TensorMemory.view(tensor, tensor.shape().with(axis, count), tensor.strides(), tensor.offset() + first * tensor.stride(axis));
    }

    private static void scatterSlice(Tensor x, int axis, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        DType dtype = x.dtype();
        long extent = out.size(axis);
        long step = out.stride(axis);
        StridedIterator iterator = StridedIterator.over(x, index, along(out, axis, index.shape()));
        iterator.forEachInOrder((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long chosen = checked("scatterAdd", Elements.getLong(indices, index.dtype(), positions[1] + i * iterator.stride(1)), extent);
                long from = positions[0] + i * iterator.stride(0);
                long to = positions[2] + i * iterator.stride(2) + chosen * step;
                if (dtype == DType.F64) {
                    Elements.setDouble(target, dtype, to, Elements.getDouble(target, dtype, to) + Elements.getDouble(source, dtype, from));
                } else if (dtype.isFloating()) {
                    Elements.setFloat(target, dtype, to, Elements.getFloat(target, dtype, to) + Elements.getFloat(source, dtype, from));
                } else {
                    Elements.setLong(target, dtype, to, Elements.getLong(target, dtype, to) + Elements.getLong(source, dtype, from));
                }
            }
        });
    }

    /** The tensor with stride 0 along the indexed axis; the kernel adds the distance to the chosen element. */
    private static Tensor along(Tensor tensor, int axis, Shape shape) {
        long[] strides = tensor.strides();
        strides[axis] = 0;
        return TensorMemory.view(tensor, shape, strides, tensor.offset());
    }

    /**
     * {@code out[i, :] = table[index[i], :]}.
     *
     * @param table the rows to choose from
     * @param index the indices of the rows
     * @param out receives the rows
     */
    static void embedding(Tensor table, Tensor index, Tensor out) {
        MemorySegment indices = Elements.segment(index);
        long width = out.size(-1);
        WorkerPool.shared().forRanges(index.elementCount(), Math.max(1, StridedIterator.TASK / Math.max(1, width)), (first, end) -> {
            var source = new RunWindow(table, 1, 1);
            var target = new RunWindow(out, 1, 0);
            for (long i = first; i < end; i++) {
                long row = checked("embedding", Elements.getLong(indices, index.dtype(), index.offset() + i), table.size(0));
                if (table.dtype() == DType.F64) {
                    CopyKernel.move(Elements.segment(table), table.offset() + row * width, 1, Elements.segment(out), out.offset() + i * width, 1,
                            Double.BYTES, Math.toIntExact(width));
                    continue;
                }
                for (long j = 0; j < width; j += StridedIterator.RUN) {
                    int count = (int) Math.min(StridedIterator.RUN, width - j);
                    source.read(table.offset() + row * width + j, count);
                    target.write(out.offset() + i * width + j, count, source);
                }
            }
        });
    }

    /**
     * {@code out[index[i], :] += gradient[i, :]}. Columns are processed in parallel; the rows of each are added in ascending order of i.
     *
     * @param gradient the terms to add
     * @param index the rows of out
     * @param out accumulates
     */
    static void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(gradient);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        ElementwiseLoop add = ElementwiseKernel.loop(Binary.ADD);
        long width = out.size(-1);
        WorkerPool.shared().forRanges(width, COLUMNS, (first, end) -> {
            for (long i = 0; i < index.elementCount(); i++) {
                long row = checked("embeddingGradient", Elements.getLong(indices, index.dtype(), index.offset() + i), out.size(0));
                long from = Float.BYTES * (gradient.offset() + i * width + first);
                long to = Float.BYTES * (out.offset() + row * width + first);
                add.run(source, from, target, to, target, to, (int) (end - first));
            }
        });
    }

    private static long checked(String operation, long index, long extent) {
        if (index < 0 || index >= extent) {
            throw new ShapeException("[%s] index %d lies outside 0 to %d".formatted(operation, index, extent - 1));
        }
        return index;
    }
}

package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Elements and rows picked or placed by index. */
final class IndexKernel {
    private IndexKernel() {}

    static void gather(Tensor x, int axis, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        DType dtype = x.dtype();
        long extent = x.size(axis);
        long step = x.stride(axis);
        Walk walk = Walk.over(out, index, along(x, axis, index.shape()));
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long chosen = checked("gather", Elements.getLong(indices, index.dtype(), positions[1] + i * walk.stride(1)), extent);
                long s = positions[2] + i * walk.stride(2) + chosen * step;
                move(source, s, target, positions[0] + i * walk.stride(0), dtype);
            }
        });
    }

    static void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        DType dtype = x.dtype();
        long extent = out.size(axis);
        long step = out.stride(axis);
        Walk walk = Walk.over(x, index, along(out, axis, index.shape()));
        walk.forEachInOrder((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long chosen = checked("scatterAdd", Elements.getLong(indices, index.dtype(), positions[1] + i * walk.stride(1)), extent);
                long s = positions[0] + i * walk.stride(0);
                long o = positions[2] + i * walk.stride(2) + chosen * step;
                if (dtype.isFloating()) {
                    Elements.setFloat(target, dtype, o, Elements.getFloat(target, dtype, o) + Elements.getFloat(source, dtype, s));
                } else {
                    Elements.setLong(target, dtype, o, Elements.getLong(target, dtype, o) + Elements.getLong(source, dtype, s));
                }
            }
        });
    }

    /** The tensor read at index 0 of one axis throughout: what the index chooses is added to the position. */
    private static Tensor along(Tensor tensor, int axis, Shape shape) {
        long[] strides = tensor.strides();
        strides[axis] = 0;
        return tensor.alias(shape, strides, tensor.offset());
    }

    static void embedding(Tensor table, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(table);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        long width = out.size(-1);
        for (long i = 0; i < index.elementCount(); i++) {
            long row = checked("embedding", Elements.getLong(indices, index.dtype(), index.offset() + i), table.size(0));
            for (long j = 0; j < width; j++) {
                float value = Elements.getFloat(source, table.dtype(), table.offset() + row * width + j);
                Elements.setFloat(target, out.dtype(), out.offset() + i * width + j, value);
            }
        }
    }

    static void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        MemorySegment source = Elements.segment(gradient);
        MemorySegment target = Elements.segment(out);
        MemorySegment indices = Elements.segment(index);
        long width = out.size(-1);
        for (long i = 0; i < index.elementCount(); i++) {
            long row = checked("embeddingGradient", Elements.getLong(indices, index.dtype(), index.offset() + i), out.size(0));
            for (long j = 0; j < width; j++) {
                long o = out.offset() + row * width + j;
                float value = Elements.getFloat(source, DType.F32, gradient.offset() + i * width + j);
                Elements.setFloat(target, DType.F32, o, Elements.getFloat(target, DType.F32, o) + value);
            }
        }
    }

    private static long checked(String operation, long index, long extent) {
        if (index < 0 || index >= extent) {
            throw new ShapeException("[%s] index %d lies outside 0 to %d".formatted(operation, index, extent - 1));
        }
        return index;
    }

    private static void move(MemorySegment source, long from, MemorySegment target, long to, DType dtype) {
        if (dtype.isFloating()) {
            Elements.setFloat(target, dtype, to, Elements.getFloat(source, dtype, from));
        } else {
            Elements.setLong(target, dtype, to, Elements.getLong(source, dtype, from));
        }
    }
}

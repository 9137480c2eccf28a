package kept.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * Gather, scatter-add and embedding. A separate kernel checks the indices first and the host waits for its result, so that an index out of range
 * throws before anything is written.
 */
final class IndexKernels {
    private static final String MODULE = "indexing";
    private static final int WARP = 32;
    /** From this number of slices on, scatter-add gives a slice to each thread; below, to each warp. */
    private static final long THREAD_SLICES = 4096;
    /** Columns per block of the embedding's gradient. */
    private static final long COLUMNS = 1024;
    /** Indices per launch of the embedding's gradient. Each is compared with all others of the launch, which costs the square of this number. */
    private static final long INDEX_CHUNK = 16_384;
    private static final long MAX_PARTS = 64;

    private final Gpu gpu;

    IndexKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void gather(Tensor x, int axis, Tensor index, Tensor out) {
        check("gather", index, x.size(axis));
        long[] along = x.strides();
        along[axis] = 0;
        String entry = "gather_b" + x.dtype().bytes();
        Loops.over(out.shape().toArray(), new long[][] {out.strides(), index.strides(), along}, out, index, x).forEach(part ->
                gpu.launch(MODULE, entry, part.grid(1)).i64(part.address(0)).longs(part.address(1), index.dtype().bytes()).i64(part.address(2))
                        .i64(x.stride(axis)).longs(part.words()).run());
    }

    void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        check("scatterAdd", index, out.size(axis));
        if (x.elementCount() == 0) {
            return;
        }
        long[][] others = {without(axis, x.strides()), without(axis, index.strides()), without(axis, out.strides())};
        String entry = "scatter_add_" + x.dtype().label();
        Loops.over(without(axis, x.shape().toArray()), others, x, index, out).forEach(part -> {
            int owners = part.count() < THREAD_SLICES ? WARP : 1;
            int slices = Loops.THREADS / owners;
            Grid grid = Grid.of(Math.ceilDiv(part.count(), (long) slices), owners, slices);
            gpu.launch(MODULE, entry, grid).i64(part.address(2)).i64(part.address(0)).longs(part.address(1), index.dtype().bytes())
                    .longs(x.size(axis), x.stride(axis), index.stride(axis), out.stride(axis)).longs(part.words()).run();
        });
    }

    private static long[] without(int axis, long[] of) {
        long[] others = new long[of.length - 1];
        System.arraycopy(of, 0, others, 0, axis);
        System.arraycopy(of, axis + 1, others, axis, others.length - axis);
        return others;
    }

    void embedding(Tensor table, Tensor index, Tensor out) {
        check("embedding", index, table.size(0));
        long width = out.size(-1);
        if (out.elementCount() == 0) {
            return;
        }
        long vector = Loops.WIDEST / Math.min(table.dtype().bytes(), out.dtype().bytes());
        boolean vectors = width % vector == 0 && Gpu.address(table) % Loops.WIDEST == 0 && Gpu.address(out) % Loops.WIDEST == 0;
        long parts = Math.clamp(Math.ceilDiv(width, Loops.THREADS * (vectors ? vector : 1)), 1L, MAX_PARTS);
        Grid grid = new Grid(Extents.of("embedding", "number of indices", index.elementCount()), (int) parts, 1, Loops.THREADS, 1);
        gpu.launch(MODULE, "embedding_" + table.dtype().label() + "_to_" + out.dtype().label(), grid).pointer(out).pointer(table)
                .longs(Gpu.address(index), index.dtype().bytes()).i64(width).i32(vectors ? 1 : 0).run();
    }

    void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        check("embeddingGradient", index, out.size(0));
        long width = out.size(-1);
        long count = width == 0 ? 0 : index.elementCount();
        int parts = Extents.of("embeddingGradient", "width", Math.max(1, Math.ceilDiv(width, COLUMNS)));
        for (long first = 0; first < count; first += INDEX_CHUNK) {
            long end = Math.min(first + INDEX_CHUNK, count);
            gpu.launch(MODULE, "embedding_gradient", new Grid((int) (end - first), parts, 1, Loops.THREADS, 1)).pointer(out).pointer(gradient)
                    .longs(Gpu.address(index), index.dtype().bytes()).i64(width).i64(first).i64(end).run();
        }
    }

    /** Synchronizes with the device and throws for the first index out of range. */
    private void check(String operation, Tensor index, long extent) {
        if (index.elementCount() == 0) {
            return;
        }
        try (Gpu.Scratch wrong = gpu.scratch(Long.BYTES)) {
            gpu.set(wrong.address(), (byte) -1, Long.BYTES);
            long[] first = new long[1];
            Loops.over(index).forEach(part -> {
                gpu.launch(MODULE, "check_indices", part.grid(1)).i64(wrong.address()).longs(part.address(0), index.dtype().bytes()).i64(extent)
                        .i64(first[0]).longs(part.words()).run();
                first[0] += part.count();
            });
            long position = gpu.readLong(wrong.address());
            if (position >= 0) {
                throw new ShapeException("[%s] index %d lies outside 0 to %d".formatted(operation, read(index, position), extent - 1));
            }
        }
    }

    private long read(Tensor index, long position) {
        long offset = 0;
        for (int axis = index.rank() - 1; axis >= 0; axis--) {
            offset += position % index.size(axis) * index.stride(axis);
            position /= index.size(axis);
        }
        MemorySegment value = MemorySegment.ofArray(new byte[index.dtype().bytes()]);
        gpu.download(Gpu.address(index) + offset * index.dtype().bytes(), value);
        return index.dtype() == DType.I32 ? value.get(ValueLayout.JAVA_INT_UNALIGNED, 0) : value.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
    }
}

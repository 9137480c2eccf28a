package kept.cuda;

import java.util.Arrays;
import java.util.Locale;
import kept.backend.Reduction;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Sum, maximum, minimum and arg max along the innermost axes. Few results of many elements each are reduced in two launches: chunks of the elements
 * first, then the partial results. The split depends on the shape alone, so that results are deterministic.
 */
final class ReductionKernels {
    private static final String MODULE = "reduction";
    private static final int THREADS = 256;
    /** With fewer reduced elements than this, one thread computes a result; otherwise one block. */
    private static final long BLOCK_ELEMENTS = 64;
    private static final long MAX_CHUNKS = 256;
    /** Number of blocks that fills the device. */
    private static final long TARGET_BLOCKS = 1024;
    /** Minimum elements per chunk where a block reduces it. */
    private static final long MIN_BLOCK_CHUNK = 1 << 14;
    /** Number of threads that fills the device. */
    private static final long TARGET_THREADS = 1 << 16;
    /** Minimum elements per chunk where a thread reduces it. */
    private static final long MIN_THREAD_CHUNK = 512;

    private final Gpu gpu;
    private final CreationKernels creation;

    ReductionKernels(Gpu gpu, CreationKernels creation) {
        this.gpu = gpu;
        this.creation = creation;
    }

    void reduce(Reduction reduction, Tensor x, Tensor out) {
        if (out.elementCount() == 0) {
            return;
        }
        if (x.elementCount() == 0) {
            creation.fill(out, 0);
            return;
        }
        int kept = out.rank();
        long[] shape = x.shape().toArray();
        long[] strides = x.strides();
        Loops reduced = Loops.over(Arrays.copyOfRange(shape, kept, shape.length), new long[][] {Arrays.copyOfRange(strides, kept, shape.length)}, x);
        if (!reduced.isDense() && (reduced.rank() > Loops.AXES || reduced.count() > Integer.MAX_VALUE)) {
            try (var _ = Scope.open(x.device())) {
                Tensor dense = Tensor.empty(x.dtype(), x.shape());
                creation.copy(x, dense);
                reduce(reduction, dense, out);
            }
            return;
        }
        String name = reduction.name().toLowerCase(Locale.ROOT);
        Loops results = Loops.over(Arrays.copyOf(shape, kept), new long[][] {out.strides(), Arrays.copyOf(strides, kept)}, out, x);
        boolean coalescedAcrossResults = results.rank() > 0 && results.step(1) == 1 && reduced.step(0) != 1;
        boolean byThreads = reduced.count() < BLOCK_ELEMENTS || coalescedAcrossResults;
        results.forEachOfBlocks(part -> reduce(name, x.dtype(), part, reduced, byThreads));
    }

    private void reduce(String name, DType dtype, Loops results, Loops reduced, boolean byThreads) {
        long wanted = Math.clamp((byThreads ? TARGET_THREADS : TARGET_BLOCKS) / results.count(), 1, MAX_CHUNKS);
        long length = Math.max(byThreads ? MIN_THREAD_CHUNK : MIN_BLOCK_CHUNK, Math.ceilDiv(reduced.count(), wanted));
        int chunks = Math.toIntExact(Math.ceilDiv(reduced.count(), length));
        int across = Math.toIntExact(byThreads ? Math.ceilDiv(results.count(), THREADS) : results.count());
        try (Gpu.Scratch partial = gpu.scratch(chunks == 1 ? 0 : results.count() * chunks * (dtype.isFloating() ? Float.BYTES : Long.BYTES))) {
            gpu.launch(MODULE, name + (byThreads ? "_by_threads_" : "_by_blocks_") + dtype.label(), new Grid(across, chunks, 1, THREADS, 1))
                    .i64(results.address(0)).i64(results.address(1)).i64(partial.address()).i64(length)
                    .longs(results.words()).longs(reduced.words())
                    .run();
            if (chunks > 1) {
                gpu.launch(MODULE, name + "_of_chunks_" + dtype.label(), Grid.of(Math.ceilDiv(results.count(), THREADS), THREADS))
                        .i64(results.address(0)).i64(partial.address()).i32(chunks).longs(results.words())
                        .run();
            }
        }
    }

    void argMax(Tensor x, Tensor out) {
        int kept = out.rank();
        Loops results = Loops.over(
                Arrays.copyOf(x.shape().toArray(), kept), new long[][] {out.strides(), Arrays.copyOf(x.strides(), kept)}, out, x);
        results.forEachOfBlocks(part -> gpu.launch(MODULE, "arg_max_" + x.dtype().label(), Grid.of(part.count(), THREADS))
                .i64(part.address(0)).i64(part.address(1)).i64(x.size(-1)).i64(x.stride(-1)).longs(part.words())
                .run());
    }
}

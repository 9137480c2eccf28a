package kept.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import kept.backend.LeastSquares;
import kept.cuda.driver.Grid;
import kept.linalg.NotPositiveDefiniteException;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Least squares in f64 on the device. Rows are widened to f64 some at a time and added by matrix products; {@link DoubleCholesky} factors and solves.
 * All memory is allocated when the object is created.
 */
final class CudaLeastSquares implements LeastSquares {
    /** Rows that are widened at a time. */
    private static final int PIECE = 512;
    private static final int MAX_CHANNELS = 256;
    /** Elements per block of a sum of squares. */
    private static final int CHUNK = 1 << 11;
    private static final int THREADS = DoubleCholesky.THREADS;
    /** Edge of the tiles in which a matrix is transposed. */
    private static final int TILE = 32;
    private static final int BLOCKS_PER_MULTIPROCESSOR = 8;

    private final Gpu gpu;
    private final CreationKernels creation;
    private final DoubleCholesky cholesky;
    private final int width;
    private final List<Gpu.Scratch> memory = new ArrayList<>();
    /** Only on and right of the diagonal. */
    private final DoubleBlock gram;
    /** The products of y (rows) and d (columns). */
    private final DoubleBlock cross;
    /** The sum of y, a column. */
    private final DoubleBlock sums;
    private final DoubleBlock factor;
    private final DoubleBlock pieceOfY;
    private final DoubleBlock pieceOfD;
    /** A column of ones. */
    private final DoubleBlock ones;
    /** The right sides of a fit, then its solution; some of its columns may be unused. */
    private final long fitted;
    /** Errors of a fit: some of d, and the same of d + y. */
    private final long missed;
    private final long all;
    /** Totals of the squares of these, the trace, and the failure of a factorisation (two numbers). */
    private final long totals;
    private final long trace;
    private final long failure;
    private int channels;

    CudaLeastSquares(Gpu gpu, CreationKernels creation, int width) {
        this.gpu = gpu;
        this.creation = creation;
        this.width = width;
        cholesky = new DoubleCholesky(gpu);
        long some = Math.min(MAX_CHANNELS, width);
        try {
            gram = new DoubleBlock(doubles((long) width * width), width, width, width);
            cross = new DoubleBlock(doubles((long) width * width), width, width, width);
            factor = new DoubleBlock(doubles((long) width * width), width, width, width);
            sums = new DoubleBlock(doubles(width), width, 1, 1);
            pieceOfY = new DoubleBlock(doubles((long) PIECE * width), PIECE, width, width);
            pieceOfD = new DoubleBlock(doubles((long) PIECE * width), PIECE, width, width);
            ones = new DoubleBlock(doubles(PIECE), PIECE, 1, 1);
            fitted = doubles(width * some);
            missed = doubles(PIECE * some);
            all = doubles(PIECE * some);
            totals = doubles(2);
            trace = doubles(1);
            failure = doubles(2);
            launch("fill_f64", PIECE).i64(ones.address()).f64(1).i64(PIECE).run();
            clear();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private long doubles(long count) {
        memory.add(gpu.scratch(count * Double.BYTES));
        return memory.getLast().address();
    }

    /** An elementwise launch. */
    private Launch launch(String entry, long count) {
        long blocks = Math.clamp(Math.ceilDiv(count, THREADS), 1, (long) gpu.multiprocessors() * BLOCKS_PER_MULTIPROCESSOR);
        return gpu.launch(DoubleCholesky.MODULE, entry, Grid.of(blocks, THREADS));
    }

    @Override
    public void clear() {
        for (DoubleBlock block : List.of(gram, cross, sums)) {
            gpu.clear(block.address(), (long) block.rows() * block.columns() * Double.BYTES);
        }
    }

    @Override
    public void add(Tensor y, Tensor d) {
        inPieces(y, d, (ofY, ofD, count) -> {
            DoubleBlock rows = widen(ofY, pieceOfY, count);
            cholesky.addGram(1, rows, gram);
            cholesky.addTransposedProduct(1, rows, widen(ofD, pieceOfD, count), cross);
            cholesky.addTransposedProduct(1, rows, ones.block(0, count, 0, 1), sums);
        });
    }

    /** Work on the F32 rows at two addresses. */
    @FunctionalInterface
    private interface Piece {
        void accept(long y, long d, int count);
    }

    private void inPieces(Tensor y, Tensor d, Piece work) {
        // The copies are freed in stream order, after the work on them.
        try (var _ = Scope.open(y.device())) {
            long ofY = Gpu.address(single(y));
            long ofD = Gpu.address(single(d));
            long tokens = y.size(0);
            for (long from = 0; from < tokens; from += PIECE) {
                long skipped = from * width * Float.BYTES;
                work.accept(ofY + skipped, ofD + skipped, (int) Math.min(PIECE, tokens - from));
            }
        }
    }

    /** The rows in F32, which is exact. */
    private Tensor single(Tensor rows) {
        if (rows.dtype() == DType.F32) {
            return rows;
        }
        Tensor copy = Tensor.empty(DType.F32, rows.shape());
        creation.copy(rows, copy);
        return copy;
    }

    private DoubleBlock widen(long rows, DoubleBlock piece, int count) {
        long elements = (long) count * width;
        launch("widen_rows_f32", elements).i64(rows).i64(piece.address()).i64(elements).run();
        return piece.block(0, count, 0, width);
    }

    @Override
    public void store(Tensor sums) {
        pass(sums, (address, part, memory) -> {
            gpu.download(address, memory);
            part.upload(memory);
        });
    }

    @Override
    public void load(Tensor sums) {
        pass(sums, (address, part, memory) -> {
            part.download(memory);
            gpu.upload(memory, address);
        });
    }

    /** A copy between a matrix of the device and its part of the sums, by way of other memory. */
    @FunctionalInterface
    private interface Copy {
        void between(long address, Tensor part, MemorySegment memory);
    }

    private void pass(Tensor all, Copy copy) {
        long begin = 0;
        for (DoubleBlock block : List.of(gram, cross, sums)) {
            long count = (long) block.rows() * block.columns();
            try (var _ = Scope.open(all.device());
                    Arena arena = Arena.ofConfined()) {
                copy.between(block.address(), all.slice(0, begin, begin + count), arena.allocate(count * Double.BYTES, Double.BYTES));
            }
            begin += count;
        }
    }

    @Override
    public double trace() {
        gpu.clear(trace, Double.BYTES);
        addToTotal(gram.address(), trace, width, width + 1L);
        return Double.longBitsToDouble(gpu.readLong(trace));
    }

    private void addToTotal(long numbers, long total, long count, long stride) {
        gpu.launch(DoubleCholesky.MODULE, "add_to_total_f64", Grid.of(1, THREADS)).i64(numbers).i64(total).i64(count).i64(stride).run();
    }

    @Override
    public void factor(double shift) {
        gpu.copy(gram.address(), factor.address(), (long) width * width * Double.BYTES);
        gpu.launch(DoubleCholesky.MODULE, "shift_diagonal_f64", Grid.of(Math.ceilDiv(width, THREADS), THREADS))
                .i64(factor.address()).f64(shift).i64(width).i64(width).run();
        gpu.clear(failure, 2 * Double.BYTES);
        cholesky.factor(factor, failure);
        double[] failed = new double[2];
        gpu.download(failure, MemorySegment.ofArray(failed));
        if (failed[0] != 0) {
            throw new NotPositiveDefiniteException((int) failed[0] - 1, failed[1]);
        }
    }

    @Override
    public void fit(int wanted) {
        channels = wanted;
        if (channels > Math.min(MAX_CHANNELS, width)) {
            throw new IllegalArgumentException("[leastSquares] a fit takes at most %d channels, not %d".formatted(MAX_CHANNELS, wanted));
        }
        long elements = (long) width * channels;
        launch("select_channels_f64", elements).i64(cross.address()).i64(fitted).i64(elements).i32(width).i32(channels).run();
        cholesky.solve(factor, solution());
        gpu.clear(totals, 2 * Double.BYTES);
    }

    private DoubleBlock solution() {
        return new DoubleBlock(fitted, width, channels, channels);
    }

    @Override
    public void evaluate(Tensor y, Tensor d) {
        inPieces(y, d, (ofY, ofD, count) -> {
            long elements = (long) count * channels;
            launch("select_rows_f32", elements).i64(ofY).i64(ofD).i64(missed).i64(all).i64(elements).i32(width).i32(channels).run();
            cholesky.addProduct(-1, widen(ofY, pieceOfY, count), solution(), new DoubleBlock(missed, count, channels, channels));
            addSquares(missed, totals, elements);
            addSquares(all, totals + Double.BYTES, elements);
        });
    }

    private void addSquares(long numbers, long total, long count) {
        long chunks = Math.ceilDiv(count, CHUNK);
        try (Gpu.Scratch parts = gpu.scratch(chunks * Double.BYTES)) {
            gpu.launch(DoubleCholesky.MODULE, "squares_of_chunks_f64", Grid.of(chunks, THREADS))
                    .i64(numbers).i64(parts.address()).i64(count).i32(CHUNK).run();
            addToTotal(parts.address(), total, chunks, 1);
        }
    }

    @Override
    public Errors errors() {
        double[] sums = new double[2];
        gpu.download(totals, MemorySegment.ofArray(sums));
        return new Errors(sums[0], sums[1]);
    }

    @Override
    public Solution solve() {
        return solve(0, width);
    }

    @Override
    public Solution solve(int from, int to) {
        if (to > from) {
            cholesky.solve(factor, cross.block(0, width, from, to));
        }
        cholesky.solve(factor, sums);
        var matrix = new float[Math.multiplyExact(to - from, width)];
        try (Gpu.Scratch rounded = gpu.scratch((long) width * width * Float.BYTES)) {
            int tiles = Math.ceilDiv(width, TILE);
            gpu.launch(DoubleCholesky.MODULE, "round_transposed_f64", new Grid(tiles, tiles, 1, THREADS, 1))
                    .i64(cross.address()).i64(rounded.address()).i64(width).run();
            if (to > from) {
                gpu.download(rounded.address() + (long) from * width * Float.BYTES, MemorySegment.ofArray(matrix));
            }
        }
        var constant = new double[width];
        gpu.download(sums.address(), MemorySegment.ofArray(constant));
        var single = new float[width];
        for (int i = 0; i < width; i++) {
            single[i] = (float) constant[i];
        }
        return new Solution(matrix, single);
    }

    @Override
    public void close() {
        memory.forEach(Gpu.Scratch::close);
        memory.clear();
    }
}

package kept.cuda;

import kept.backend.AttentionOperands;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * Attention of few queries over many keys, as in decoding with a key-value cache, in f32 arithmetic for bf16 and f32 (attention_split.cu). Blocks
 * share the keys of a head, and a second kernel combines their results in a fixed order. How the keys are divided depends on the keys alone.
 */
final class SplitAttention {
    /** Keys of a block; equals SPLIT in attention_split.cu. */
    static final int SPLIT = 256;
    /** Most queries that share a key and value head; with more, reading the keys once for each four of them costs more than it saves. */
    static final int MAX_ROWS = 32;

    private static final String MODULE = "attention_split";
    private static final int MAX_WIDTH = 256;
    private static final int MAX_ROWS_OF_BLOCK = 4;
    private static final int THREADS = 128;
    private static final int COMBINING_THREADS = 256;
    private static final int MAX_BLOCKS = 65_535;

    private final Gpu gpu;

    SplitAttention(Gpu gpu) {
        this.gpu = gpu;
    }

    /** Returns whether {@link #forward} supports the operands, and is faster for them than a block for each head. */
    static boolean fits(AttentionOperands operands) {
        DType dtype = operands.q().dtype();
        AttentionShape shape = AttentionShape.of(operands);
        return (dtype == DType.BF16 || dtype == DType.F32) && shape.width() <= MAX_WIDTH
                && shape.width() % VectorAccess.elements(operands.q()) == 0 && VectorAccess.fits(operands.q(), operands.k(), operands.v())
                && shape.keys() > SPLIT && rows(shape) <= MAX_ROWS && shape.batch() <= MAX_BLOCKS && shape.keyValueHeads() <= MAX_BLOCKS;
    }

    /** Returns the number of queries that share a key and value head. */
    private static long rows(AttentionShape shape) {
        return (long) shape.queries() * (shape.heads() / shape.keyValueHeads());
    }

    void forward(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        AttentionShape shape = AttentionShape.of(operands);
        String dtype = operands.q().dtype().label();
        int pieces = Math.ceilDiv(shape.keys(), SPLIT);
        int rowsOfBlock = rows(shape) == 1 ? 1 : MAX_ROWS_OF_BLOCK;
        int tiles = Math.ceilDiv((int) rows(shape), rowsOfBlock);
        long results = shape.rows() * pieces;
        try (Gpu.Scratch parts = gpu.scratch(results * shape.width() * Float.BYTES);
                Gpu.Scratch statistics = gpu.scratch(results * 2 * Float.BYTES)) {
            Grid blocks = new Grid(Math.multiplyExact(pieces, tiles), shape.keyValueHeads(), shape.batch(), THREADS, 1);
            Launch split = gpu.launch(MODULE, "attention_split_%d_rows_%d_%s".formatted(width(shape, 64), rowsOfBlock, dtype), blocks);
            AttentionShape.operands(split, operands).i64(parts.address()).i64(statistics.address());
            shape.sizes(split).i32(shape.width()).f32(operands.scale()).run();
            Launch combine = gpu.launch(MODULE, "attention_combine_%d_%s".formatted(width(shape, 128), dtype),
                    Grid.of(shape.rows(), COMBINING_THREADS));
            shape.sizes(combine.i64(parts.address()).i64(statistics.address()).pointer(out).pointer(logSumExp))
                    .i32(pieces).i32(shape.width()).run();
        }
    }

    /** Returns the smallest head dimension of which there is a kernel: a power of 2. */
    private static int width(AttentionShape shape, int smallest) {
        int width = smallest;
        while (width < shape.width()) {
            width *= 2;
        }
        return width;
    }
}

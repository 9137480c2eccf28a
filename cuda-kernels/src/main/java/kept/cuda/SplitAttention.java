package kept.cuda;

import java.util.List;
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

    /** Most sequences of a launch with operands of their own; equals MAX_SEQUENCES in heads.cuh. */
    static final int MAX_SEQUENCES = 8;

    /** The struct of heads.cuh: a count, and three addresses and the number of keys of each sequence. */
    private static final int SEQUENCE_WORDS = 1 + 4 * MAX_SEQUENCES;
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

    /** Returns whether {@link #forwardEach} supports two sequences in one launch: they differ at most in the number of keys and in addresses. */
    static boolean fitTogether(AttentionOperands one, AttentionOperands other) {
        return fits(one) && fits(other) && rowShape(one.q()).equals(rowShape(other.q())) && rowShape(one.k()).equals(rowShape(other.k()))
                && rowShape(one.v()).equals(rowShape(other.v())) && one.q().dtype() == other.q().dtype() && one.scale() == other.scale()
                && one.q().size(0) == 1 && other.q().size(0) == 1 && one.q().size(1) == other.q().size(1);
    }

    /** The heads and their dimension, and the strides of tokens and heads. */
    private static List<Long> rowShape(Tensor tensor) {
        return List.of(tensor.size(2), tensor.size(3), tensor.stride(1), tensor.stride(2));
    }

    void forward(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        forward(operands, AttentionShape.of(operands), new long[SEQUENCE_WORDS], out, Gpu.address(logSumExp));
    }

    /**
     * Attention of several sequences in one launch.
     *
     * @param each their operands, each a batch of 1; at most {@value #MAX_SEQUENCES}, which {@linkplain #fitTogether fit together}
     * @param out {@code [sequences, queries, heads, D]}, contiguous
     */
    void forwardEach(List<AttentionOperands> each, Tensor out) {
        long[] words = new long[SEQUENCE_WORDS];
        words[0] = each.size();
        AttentionShape shape = AttentionShape.of(each.getFirst());
        for (int i = 0; i < each.size(); i++) {
            AttentionOperands operands = each.get(i);
            words[1 + i] = Gpu.address(operands.q());
            words[1 + MAX_SEQUENCES + i] = Gpu.address(operands.k());
            words[1 + 2 * MAX_SEQUENCES + i] = Gpu.address(operands.v());
            AttentionShape of = AttentionShape.of(operands);
            words[1 + 3 * MAX_SEQUENCES + i] = of.keys();
            shape = new AttentionShape(each.size(), of.queries(), Math.max(shape.keys(), of.keys()), of.heads(), of.keyValueHeads(), of.width());
        }
        try (Gpu.Scratch logSumExp = gpu.scratch(shape.rows() * Float.BYTES)) {
            forward(each.getFirst(), shape, words, out, logSumExp.address());
        }
    }

    /** Launches both kernels for a shape; the words are the sequences' own operands, or zeros. */
    private void forward(AttentionOperands operands, AttentionShape shape, long[] words, Tensor out, long logSumExp) {
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
            shape.sizes(split).i32(shape.width()).f32(operands.scale()).longs(words).run();
            Launch combine = gpu.launch(MODULE, "attention_combine_%d_%s".formatted(width(shape, 128), dtype),
                    Grid.of(shape.rows(), COMBINING_THREADS));
            shape.sizes(combine.i64(parts.address()).i64(statistics.address()).pointer(out).i64(logSumExp))
                    .i32(pieces).i32(shape.width()).longs(words).run();
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

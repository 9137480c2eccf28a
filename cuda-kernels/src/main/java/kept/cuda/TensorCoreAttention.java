package kept.cuda;

import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * Attention on tensor cores, bf16 in and f32 sums (attention_bf16.cuh), for the head dimensions that have a module. In backward the gradient is
 * rounded to bf16, as an input of matrix products.
 */
final class TensorCoreAttention {
    /** When it is used and what would lift the fall-back, for the start-up line. */
    static final String DESCRIPTION = "attention on tensor cores for bf16 with head dimensions 64, 80, 96 and 128 (others much slower)";
    /** Rows of the other side in a step: STEP of the source. */
    private static final int STEP = 64;
    private static final int FORWARD_ROWS = 128;
    private static final int FORWARD_THREADS = 128;
    private static final int LANES = 32;
    private static final int WARP_ROWS = 16;

    private final Gpu gpu;
    private final int sharedMemory;

    /**
     * Attention on a device.
     *
     * @param gpu the device
     * @param sharedMemory what a block may have of it, in bytes
     */
    TensorCoreAttention(Gpu gpu, int sharedMemory) {
        this.gpu = gpu;
        this.sharedMemory = sharedMemory;
    }

    TensorCoreAttention(Gpu gpu) {
        this(gpu, gpu.driver().attribute(gpu.ordinal(), DeviceAttribute.SHARED_MEMORY_OPT_IN));
    }

    /** Whether {@link #forward} and, with what it then needs, {@link #gradient} can compute it. */
    boolean fits(Tensor q, Tensor k, Tensor v, double scale, Tensor... others) {
        int width = (int) q.size(3);
        boolean module = width == 64 || width == 80 || width == 96 || width == 128;
        // Maxima are taken before the scale is applied.
        return module && q.dtype() == DType.BF16 && scale > 0 && WideAccess.fits(q, k, v) && WideAccess.fits(others)
                && Math.max(forwardBytes(width), backwardBytes(width, 4)) <= sharedMemory;
    }

    void forward(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp) {
        AttentionShape shape = AttentionShape.of(q, k);
        Grid grid = new Grid(Math.ceilDiv(shape.queries(), FORWARD_ROWS), shape.heads(), shape.batch(), FORWARD_THREADS, 1);
        Launch launch = gpu.launch(module(shape), "attention_%d_bf16".formatted(shape.width()), grid, forwardBytes(shape.width()));
        shape.sizes(AttentionShape.operands(launch, q, k, v).pointer(out).pointer(logSumExp)).f32(scale).run();
    }

    void gradient(Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk, Tensor dv) {
        AttentionShape shape = AttentionShape.of(q, k);
        int warps = backwardBytes(shape.width(), 8) <= sharedMemory ? 8 : 4;
        String ending = "_%d_warps_%d_bf16".formatted(shape.width(), warps);
        try (Gpu.Scratch rounded = gpu.scratch(q.elementCount() * DType.BF16.bytes()); Gpu.Scratch delta = gpu.scratch(shape.rows() * Float.BYTES)) {
            gpu.launch(module(shape), "attention_delta_%d_bf16".formatted(shape.width()), Grid.of(Math.ceilDiv(shape.rows(), 8), 8 * LANES))
                    .pointer(gradient).pointer(out).i64(rounded.address()).i64(delta.address())
                    .i64(shape.rows()).i32(shape.queries()).i32(shape.heads())
                    .run();
            Launch keys = begin("attention_dkv" + ending, shape, shape.keys(), shape.groups(), warps);
            AttentionShape.operands(keys, q, k, v).i64(rounded.address()).pointer(logSumExp).i64(delta.address()).pointer(dk).pointer(dv);
            shape.sizes(keys).f32(scale).run();
            Launch queries = begin("attention_dq" + ending, shape, shape.queries(), shape.heads(), warps);
            AttentionShape.operands(queries, q, k, v).i64(rounded.address()).pointer(logSumExp).i64(delta.address()).pointer(dq);
            shape.sizes(queries).f32(scale).run();
        }
    }

    private Launch begin(String entry, AttentionShape shape, int rows, int heads, int warps) {
        Grid grid = new Grid(Math.ceilDiv(rows, warps * WARP_ROWS), heads, shape.batch(), warps * LANES, 1);
        return gpu.launch(module(shape), entry, grid, backwardBytes(shape.width(), warps));
    }

    private static String module(AttentionShape shape) {
        return "attention_" + shape.width();
    }

    /** Bytes from a row of a tile to the next: Tile of tensor_cores.cuh. */
    private static int pitch(int width) {
        int chunks = width / 8;
        return (chunks % 8 == 0 ? chunks : chunks | 1) * WideAccess.BYTES;
    }

    /** Queries, keys and values. */
    private static int forwardBytes(int width) {
        return (FORWARD_ROWS + 2 * STEP) * pitch(width);
    }

    /** Two tiles of the block's own rows, two stages of two tiles of the other side, and their statistics: Room of the source. */
    private static int backwardBytes(int width, int warps) {
        return (2 * warps * WARP_ROWS + 4 * STEP) * pitch(width) + 4 * STEP * Float.BYTES;
    }
}

package kept.cuda;

import kept.backend.AttentionOperands;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * Flash attention on tensor cores with bf16 operands and f32 accumulation (attention_bf16.cuh), for the head dimensions 64, 80, 96 and 128. The
 * backward pass rounds the incoming gradient to bf16, since it is an operand of matrix products.
 */
final class TensorCoreAttention {
    /** Description of the conditions for the backend's start-up line. */
    static final String DESCRIPTION = "attention on tensor cores for bf16 with head dimensions 64, 80, 96 and 128 (others much slower)";
    /** Keys or queries per step of the inner loop; equals STEP in attention_bf16.cuh. */
    private static final int STEP = 64;
    private static final int FORWARD_ROWS = 128;
    private static final int FORWARD_THREADS = 128;
    private static final int LANES = 32;
    private static final int WARP_ROWS = 16;

    private final Gpu gpu;
    private final int sharedMemory;

    /**
     * Creates the kernels for a device.
     *
     * @param gpu device
     * @param sharedMemory maximum shared memory per block in bytes
     */
    TensorCoreAttention(Gpu gpu, int sharedMemory) {
        this.gpu = gpu;
        this.sharedMemory = sharedMemory;
    }

    TensorCoreAttention(Gpu gpu) {
        this(gpu, gpu.driver().attribute(gpu.ordinal(), DeviceAttribute.SHARED_MEMORY_OPT_IN));
    }

    /** Returns whether {@link #forward} and {@link #gradient} support the operands; {@code others} are outputs and gradients, null where unused. */
    boolean fits(AttentionOperands operands, Tensor... others) {
        Tensor q = operands.q();
        int width = (int) q.size(3);
        boolean module = width == 64 || width == 80 || width == 96 || width == 128;
        // The kernels take the row maxima before they apply the scale, which must therefore be positive.
        return module && q.dtype() == DType.BF16 && operands.scale() > 0 && VectorAccess.fits(q, operands.k(), operands.v())
                && VectorAccess.fits(others) && Math.max(forwardBytes(width), backwardBytes(width, 4)) <= sharedMemory;
    }

    void forward(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        AttentionShape shape = AttentionShape.of(operands);
        Grid grid = new Grid(Math.ceilDiv(shape.queries(), FORWARD_ROWS), shape.heads(), shape.batch(), FORWARD_THREADS, 1);
        Launch launch = gpu.launch(module(shape), "attention_%d_bf16".formatted(shape.width()), grid, forwardBytes(shape.width()));
        shape.sizes(AttentionShape.operands(launch, operands).pointer(out).pointer(logSumExp)).f32(operands.scale()).run();
    }

    void gradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        AttentionShape shape = AttentionShape.of(operands);
        int warps = backwardBytes(shape.width(), 8) <= sharedMemory ? 8 : 4;
        String ending = "_%d_warps_%d_bf16".formatted(shape.width(), warps);
        try (Gpu.Scratch rounded = gpu.scratch(operands.q().elementCount() * DType.BF16.bytes());
                Gpu.Scratch delta = gpu.scratch(shape.rows() * Float.BYTES)) {
            gpu.launch(module(shape), "attention_delta_%d_bf16".formatted(shape.width()), Grid.of(Math.ceilDiv(shape.rows(), 8), 8 * LANES))
                    .pointer(gradient).pointer(out).i64(rounded.address()).i64(delta.address())
                    .i64(shape.rows()).i32(shape.queries()).i32(shape.heads())
                    .run();
            Launch keys = begin("attention_dkv" + ending, shape, shape.keys(), shape.keyValueHeads(), warps);
            AttentionShape.operands(keys, operands).i64(rounded.address()).pointer(logSumExp).i64(delta.address()).pointer(dk).pointer(dv);
            shape.sizes(keys).f32(operands.scale()).run();
            Launch queries = begin("attention_dq" + ending, shape, shape.queries(), shape.heads(), warps);
            AttentionShape.operands(queries, operands).i64(rounded.address()).pointer(logSumExp).i64(delta.address()).pointer(dq);
            shape.sizes(queries).f32(operands.scale()).run();
        }
    }

    private Launch begin(String entry, AttentionShape shape, int rows, int heads, int warps) {
        Grid grid = new Grid(Math.ceilDiv(rows, warps * WARP_ROWS), heads, shape.batch(), warps * LANES, 1);
        return gpu.launch(module(shape), entry, grid, backwardBytes(shape.width(), warps));
    }

    private static String module(AttentionShape shape) {
        return "attention_" + shape.width();
    }

    /** Returns the bytes from one row of a shared-memory tile to the next, as Tile of tensor_cores.cuh. */
    private static int pitch(int width) {
        int chunks = width / 8;
        return (chunks % 8 == 0 ? chunks : chunks | 1) * VectorAccess.BYTES;
    }

    /** Returns the shared memory of the forward kernel in bytes: tiles of queries, keys and values. */
    private static int forwardBytes(int width) {
        return (FORWARD_ROWS + 2 * STEP) * pitch(width);
    }

    /** Returns the shared memory of a backward kernel in bytes: two tiles of its rows, two stages of two tiles of the other side, row statistics. */
    private static int backwardBytes(int width, int warps) {
        return (2 * warps * WARP_ROWS + 4 * STEP) * pitch(width) + 4 * STEP * Float.BYTES;
    }
}

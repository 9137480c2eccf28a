package kept.cuda;

import kept.backend.AttentionOperands;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Grid;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Attention for any floating dtype, head dimension and strides in f32 arithmetic, without tensor cores (attention_generic.cu). */
final class GenericAttention {
    private static final String MODULE = "attention_generic";
    /** Rows per warp; equals ROWS in attention_generic.cu. */
    private static final int ROWS = 4;
    /** Threads per warp and rows of a tile; equals LANES in attention_generic.cu. */
    private static final int LANES = 32;
    private static final int MAX_WARPS = 8;

    private final Gpu gpu;
    private final int sharedMemory;

    /**
     * Creates the kernels for a device.
     *
     * @param gpu device
     * @param sharedMemory maximum shared memory per block in bytes
     */
    GenericAttention(Gpu gpu, int sharedMemory) {
        this.gpu = gpu;
        this.sharedMemory = sharedMemory;
    }

    GenericAttention(Gpu gpu) {
        this(gpu, gpu.driver().attribute(gpu.ordinal(), DeviceAttribute.SHARED_MEMORY_OPT_IN));
    }

    void forward(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        AttentionShape shape = AttentionShape.of(operands);
        Launch launch = begin("attention_generic_" + operands.q().dtype().label(), shape, shape.queries(), shape.heads(), 2);
        AttentionShape.operands(launch, operands).pointer(out).pointer(logSumExp);
        shape.sizes(launch).i32(shape.width()).f32(operands.scale()).run();
    }

    void gradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        AttentionShape shape = AttentionShape.of(operands);
        String dtype = operands.q().dtype().label();
        try (Gpu.Scratch delta = gpu.scratch(shape.rows() * Float.BYTES)) {
            if (shape.rows() > 0) {
                gpu.launch(MODULE, "attention_delta_generic_" + dtype, Grid.of(Math.ceilDiv(shape.rows(), MAX_WARPS), MAX_WARPS * LANES))
                        .pointer(gradient).pointer(out).i64(delta.address())
                        .i64(shape.rows()).i32(shape.queries()).i32(shape.heads()).i32(shape.width())
                        .run();
                Launch queries = begin("attention_dq_generic_" + dtype, shape, shape.queries(), shape.heads(), 3);
                AttentionShape.operands(queries, operands).pointer(gradient).pointer(logSumExp).i64(delta.address()).pointer(dq);
                shape.sizes(queries).i32(shape.width()).f32(operands.scale()).run();
            }
            Launch keys = begin("attention_dkv_generic_" + dtype, shape, shape.keys(), shape.keyValueHeads(), 4);
            AttentionShape.operands(keys, operands).pointer(gradient).pointer(logSumExp).i64(delta.address()).pointer(dk).pointer(dv);
            shape.sizes(keys).i32(shape.width()).f32(operands.scale()).run();
        }
    }

    /**
     * Begins a launch with as many warps per block as shared memory allows.
     *
     * @param owned number of arrays of the block's own rows in shared memory
     */
    private Launch begin(String entry, AttentionShape shape, int rows, int heads, int owned) {
        int warps = Math.min(MAX_WARPS, Math.ceilDiv(rows, ROWS));
        while (warps > 1 && bytes(warps, owned, shape.width()) > sharedMemory) {
            warps--;
        }
        long bytes = bytes(warps, owned, shape.width());
        if (bytes > sharedMemory) {
            throw new DeviceException("[attention] head dimension %d needs %d bytes of shared memory per block, and the device has %d"
                    .formatted(shape.width(), bytes, sharedMemory));
        }
        Grid grid = new Grid(Math.ceilDiv(rows, warps * ROWS), heads, shape.batch(), warps * LANES, 1);
        return gpu.launch(MODULE, entry, grid, (int) bytes);
    }

    private static long bytes(int warps, int owned, int width) {
        return 4L * ((long) owned * warps * ROWS * width + (long) LANES * (width | 1) + warps * ROWS * LANES);
    }
}

package kept.cuda;

import kept.backend.LayerNormParameters;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * RMSNorm and LayerNorm, forward and backward.
 *
 * <p>Minimum memory traffic per element with x in bf16: forward 4 bytes (x, out), backward 10 bytes (f32 gradient, x, f32 dx). The fast kernels reach
 * it: they read and write each row once, in accesses of 16 bytes, and keep it in registers in between. The weight and the partial sums of its
 * gradient, at most {@value #GROUPS} rows, stay in the L2 cache.
 */
final class NormKernels {
    private static final String MODULE = "norm";
    /** Elements of a row per thread. */
    private static final long THREAD_ELEMENTS = 16;
    private static final int FORWARD_THREADS = 1024;
    private static final int BACKWARD_THREADS = 512;
    /** Threads per block of the kernels that do not keep rows in registers. */
    private static final int ANY_THREADS = 256;
    private static final int WARP = 32;
    /** Rows per block where a row fits one warp. */
    private static final int WARPS = 4;
    /**
     * Maximum number of blocks of the backward pass. It is fixed because the summation order of the weight gradient depends on it. On the largest
     * devices it gives two blocks per multiprocessor, which is the occupancy that registers allow at a width of 5120.
     */
    private static final long GROUPS = 256;
    private static final int COLUMNS = 32;
    private static final int CHAINS = 8;

    private final Gpu gpu;

    NormKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        Tensor weight = parameters.weight();
        Tensor bias = parameters.bias();
        double epsilon = parameters.epsilon();
        if (rows(x) == 0) {
            return;
        }
        if (fits(x, FORWARD_THREADS, weight, bias, out)) {
            Launch launch = gpu.launch(MODULE, "layer_norm_" + types(x, out), forwardGrid(x));
            floats(floats(launch.pointer(out).pointer(mean).pointer(rstd).pointer(x), weight), bias)
                    .i64(rows(x)).i32(width(x)).f32(epsilon).run();
        } else {
            Launch launch = floats(gpu.launch(MODULE, "layer_norm_any", Grid.of(rows(x), ANY_THREADS)), out).pointer(mean).pointer(rstd);
            floats(floats(floats(launch, x), weight), bias).i32(width(x)).f32(epsilon).run();
        }
    }

    void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        if (rows(x) == 0) {
            return;
        }
        if (fits(x, FORWARD_THREADS, weight, out)) {
            Launch launch = gpu.launch(MODULE, "rms_norm_" + types(x, out), forwardGrid(x));
            floats(launch.pointer(out).pointer(rstd).pointer(x), weight).i64(rows(x)).i32(width(x)).f32(epsilon).run();
        } else {
            Launch launch = floats(gpu.launch(MODULE, "rms_norm_any", Grid.of(rows(x), ANY_THREADS)), out).pointer(rstd);
            floats(floats(launch, x), weight).i32(width(x)).f32(epsilon).run();
        }
    }

    /** The operands must satisfy {@link #fitsSum}. */
    void addLayerNorm(Tensor x, Tensor branch, Tensor sum, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        Launch launch = gpu.launch(MODULE, "add_layer_norm_" + sumTypes(branch, out), forwardGrid(x));
        floats(floats(launch.pointer(out).pointer(mean).pointer(rstd).pointer(sum).pointer(x).pointer(branch), parameters.weight()),
                parameters.bias()).i64(rows(x)).i32(width(x)).f32(parameters.epsilon()).run();
    }

    /** The operands must satisfy {@link #fitsSum}. */
    void addRmsNorm(Tensor x, Tensor branch, Tensor sum, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        Launch launch = gpu.launch(MODULE, "add_rms_norm_" + sumTypes(branch, out), forwardGrid(x));
        floats(launch.pointer(out).pointer(rstd).pointer(sum).pointer(x).pointer(branch), weight)
                .i64(rows(x)).i32(width(x)).f32(epsilon).run();
    }

    /**
     * Returns whether the fused kernel of addition and norm supports the operands.
     *
     * @param x residual stream {@code [..., width]}, F32
     * @param branch branch that is added to the stream
     * @param others sum, result and parameters
     * @return true if there are rows and they fit into registers
     */
    static boolean fitsSum(Tensor x, Tensor branch, Tensor... others) {
        return rows(x) > 0 && branch.dtype() != DType.F16 && Gpu.address(branch) % Loops.WIDEST == 0 && fits(x, FORWARD_THREADS, others);
    }

    void layerNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        gradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);
    }

    void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        gradient(gradient, x, weight, null, rstd, dx, dWeight, null);
    }

    /**
     * Returns whether the kernel that adds the gradient of RMSNorm to a residual stream's supports the operands.
     *
     * @param x forward's input, F32
     * @param others the other operands
     * @return true if there are rows and they fit into registers
     */
    static boolean fitsAddedGradient(Tensor x, Tensor... others) {
        return rows(x) > 0 && fits(x, BACKWARD_THREADS, others);
    }

    /** The operands must satisfy {@link #fitsAddedGradient}. */
    void addRmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor sum, Tensor rounded, Tensor dWeight) {
        int width = Math.toIntExact(x.size(-1));
        Grid grid = backwardGrid(x);
        int groups = grid.x() * grid.threadsY();
        try (Gpu.Scratch partial = gpu.scratch((long) groups * width * Float.BYTES)) {
            long weights = dWeight == null ? 0 : partial.address();
            Launch launch = gpu.launch(MODULE, "add_rms_norm_gradient_f32", grid).pointer(sum).pointer(rounded).i64(weights);
            floats(launch.pointer(gradient).pointer(x), weight).pointer(rstd).i64(rows(x)).i32(width).run();
            addSums(dWeight, weights, groups, width);
        }
    }

    private void gradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        if (rows(x) == 0) {
            return;
        }
        int width = width(x);
        boolean fits = fits(x, BACKWARD_THREADS, gradient, weight, dx);
        Grid grid = fits ? backwardGrid(x) : Grid.of(Math.min(GROUPS, rows(x)), ANY_THREADS);
        int groups = grid.x() * grid.threadsY();
        long sums = (long) groups * width * Float.BYTES;
        try (Gpu.Scratch partial = gpu.scratch(2 * sums)) {
            long weights = dWeight == null ? 0 : partial.address();
            long biases = dBias == null ? 0 : partial.address() + sums;
            if (!fits) {
                Launch launch = gpu.launch(MODULE, "norm_gradient_any", grid).pointer(dx).i64(weights).i64(biases).pointer(gradient);
                floats(floats(launch, x), weight).pointer(mean).pointer(rstd).i64(rows(x)).i32(width).run();
            } else if (mean == null) {
                Launch launch = gpu.launch(MODULE, "rms_norm_gradient_" + x.dtype().label(), grid).pointer(dx).i64(weights);
                floats(launch.pointer(gradient).pointer(x), weight).pointer(rstd).i64(rows(x)).i32(width).run();
            } else {
                Launch launch = gpu.launch(MODULE, "layer_norm_gradient_" + x.dtype().label(), grid).pointer(dx).i64(weights).i64(biases);
                floats(launch.pointer(gradient).pointer(x), weight).pointer(mean).pointer(rstd).i64(rows(x)).i32(width).run();
            }
            addSums(dWeight, weights, groups, width);
            addSums(dBias, biases, groups, width);
        }
    }

    private void addSums(Tensor out, long partial, int groups, int width) {
        if (out != null) {
            Grid grid = new Grid(Math.ceilDiv(width, COLUMNS), 1, 1, COLUMNS, CHAINS);
            gpu.launch(MODULE, "norm_weight_gradient", grid).pointer(out).i64(partial).i32(groups).i32(width).run();
        }
    }

    private static String types(Tensor x, Tensor out) {
        return x.dtype().label() + (out.dtype() == x.dtype() ? "" : "_to_" + out.dtype().label());
    }

    /** Returns the dtypes of branch and output in the names of the fused kernels; the sum is F32. */
    private static String sumTypes(Tensor branch, Tensor out) {
        return branch.dtype().label() + (out.dtype() == DType.F32 ? "" : "_to_" + out.dtype().label());
    }

    private static int width(Tensor x) {
        return Extents.of("norm", "width", x.size(-1));
    }

    private static long rows(Tensor x) {
        return x.elementCount() == 0 ? 0 : x.elementCount() / x.size(-1);
    }

    /** Returns whether a row fits into the registers of that many threads and all addresses allow accesses of 16 bytes. */
    private static boolean fits(Tensor x, int threads, Tensor... others) {
        long width = x.size(-1);
        boolean aligned = Gpu.address(x) % Loops.WIDEST == 0;
        for (Tensor other : others) {
            aligned &= Gpu.address(other) % Loops.WIDEST == 0;
        }
        return aligned && width % (Loops.WIDEST / x.dtype().bytes()) == 0 && width <= THREAD_ELEMENTS * threads;
    }

    private static Grid forwardGrid(Tensor x) {
        int threads = threads(x);
        int blockRows = threads == WARP ? WARPS : 1;
        return Grid.of(Math.ceilDiv(rows(x), (long) blockRows), threads, blockRows);
    }

    private static Grid backwardGrid(Tensor x) {
        int threads = threads(x);
        int blockRows = threads == WARP ? WARPS : 1;
        return new Grid((int) Math.min(GROUPS, Math.ceilDiv(rows(x), (long) blockRows)), 1, 1, threads, blockRows);
    }

    private static int threads(Tensor x) {
        return (int) Math.ceilDiv(x.size(-1), THREAD_ELEMENTS * WARP) * WARP;
    }

    /** Adds an operand of any floating dtype, which the kernel selects by a number at run time. */
    private static Launch floats(Launch launch, Tensor tensor) {
        long type = switch (tensor.dtype()) {
            case F32 -> 0;
            case BF16 -> 1;
            case F16 -> 2;
            case I32, I64, F64, U8, BOOL -> throw new IllegalArgumentException("not a floating dtype: " + tensor.dtype());
        };
        return launch.longs(Gpu.address(tensor), type);
    }
}

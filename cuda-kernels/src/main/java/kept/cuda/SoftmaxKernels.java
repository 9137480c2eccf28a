package kept.cuda;

import kept.tensor.Tensor;

/** Softmax, log-softmax and log-sum-exp along rows: one block per row. */
final class SoftmaxKernels {
    private static final String MODULE = "softmax";

    private final Gpu gpu;

    SoftmaxKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void softmax(boolean logarithm, Tensor x, Tensor out) {
        if (x.elementCount() > 0) {
            launch("softmax_", x).pointer(x).pointer(out).i64(x.size(-1)).i32(logarithm ? 1 : 0).run();
        }
    }

    void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        if (y.elementCount() > 0) {
            launch("softmax_gradient_", y).pointer(gradient).pointer(y).pointer(dx).i64(y.size(-1)).i32(logarithm ? 1 : 0).run();
        }
    }

    void logSumExp(Tensor x, Tensor out) {
        if (out.elementCount() > 0) {
            gpu.launch(MODULE, "log_sum_exp_" + x.dtype().label(), RowGrid.of(out.elementCount(), x.size(-1)))
                    .pointer(x).pointer(out).i64(x.size(-1))
                    .run();
        }
    }

    private Launch launch(String entry, Tensor rows) {
        long width = rows.size(-1);
        return gpu.launch(MODULE, entry + rows.dtype().label(), RowGrid.of(rows.elementCount() / width, width));
    }
}

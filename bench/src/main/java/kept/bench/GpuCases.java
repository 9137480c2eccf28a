package kept.bench;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.backend.AdamWStep;
import kept.backend.AttentionOperands;
import kept.backend.Backend;
import kept.backend.DistillationObjective;
import kept.backend.LayerNormParameters;
import kept.bench.GpuBenchmark.Case;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The kernels that {@link GpuBenchmark} times, with the layer sizes of Orion-14B: bf16 weights and activations, f32 gradients. Names and shapes equal
 * those in PyTorch's file.
 */
final class GpuCases {
    private static final String BYTES = "GB/s";
    private static final String OPERATIONS = "TFLOP/s";
    private static final double EPSILON = 1e-5;

    private final boolean tiny;
    private long seed;

    GpuCases(boolean tiny) {
        this.tiny = tiny;
    }

    /** Creates the cases of one operation; their operands live in the current scope. */
    @FunctionalInterface
    interface Factory {
        List<Case> create();
    }

    /** One factory for each operation. Operands are created only when their operation is measured, so that they do not fill the device together. */
    List<Factory> factories() {
        List<Factory> factories = new ArrayList<>(List.of(this::copy, this::products, this::rmsNorm, this::residual, this::layerNorm));
        for (int sequence : tiny ? new int[] {32} : new int[] {1024, 2048, 4096, 8192, 16384}) {
            factories.add(() -> attention(sequence));
        }
        factories.add(this::linearDistillation);
        factories.add(this::adamW);
        return factories;
    }

    private List<Case> copy() {
        long bytes = tiny ? 1 << 12 : 1L << 31;
        Tensor x = normal(DType.F32, bytes / 4);
        Tensor y = Tensor.empty(DType.F32, x.shape());
        return List.of(new Case("copy", bytes + " B", 2.0 * bytes, BYTES, () -> x.backend().copy(x, y)));
    }

    private List<Case> products() {
        List<Case> cases = new ArrayList<>();
        long[][] sizes = tiny ? new long[][] {{64, 64, 64}}
                : new long[][] {{8192, 8192, 8192}, {4096, 15360, 5120}, {4096, 5120, 15360}, {4096, 5120, 5120}};
        for (long[] size : sizes) {
            Tensor x = normal(DType.BF16, size[0], size[2]);
            Tensor w = normal(DType.BF16, size[1], size[2]).transpose(0, 1);
            Tensor y = Tensor.empty(DType.BF16, Shape.of(size[0], size[1]));
            cases.add(new Case("matmul", "%dx%dx%d".formatted(size[0], size[1], size[2]), 2.0 * size[0] * size[1] * size[2], OPERATIONS,
                    () -> x.backend().matmul(x, w, y, false)));
        }
        return cases;
    }

    private List<Case> rmsNorm() {
        long rows = tiny ? 8 : 8192;
        long width = tiny ? 64 : 5120;
        Tensor x = normal(DType.BF16, rows, width);
        Tensor weight = normal(DType.BF16, width);
        Tensor y = Tensor.empty(DType.BF16, x.shape());
        Tensor rstd = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor gradient = normal(DType.F32, rows, width);
        Tensor dx = Tensor.empty(DType.F32, x.shape());
        Tensor dWeight = Tensor.zeros(width);
        Backend backend = x.backend();
        double elements = (double) rows * width;
        backend.rmsNorm(x, weight, EPSILON, y, rstd);
        String shape = rows + "x" + width;
        return List.of(new Case("rmsnorm forward", shape, 4 * elements, BYTES, () -> backend.rmsNorm(x, weight, EPSILON, y, rstd)),
                new Case("rmsnorm backward", shape, 10 * elements, BYTES, () -> backend.rmsNormGradient(gradient, x, weight, rstd, dx, dWeight)));
    }

    /** The residual addition of a decoder layer: an F32 residual stream and a BF16 branch, with and without the following norm. */
    private List<Case> residual() {
        long rows = tiny ? 8 : 8192;
        long width = tiny ? 64 : 5120;
        Tensor stream = normal(DType.F32, rows, width);
        Tensor branch = normal(DType.BF16, rows, width);
        Tensor weight = normal(DType.BF16, width);
        Tensor sum = Tensor.empty(DType.F32, stream.shape());
        Tensor y = Tensor.empty(DType.BF16, stream.shape());
        Tensor rstd = Tensor.empty(DType.F32, Shape.of(rows));
        Backend backend = stream.backend();
        double elements = (double) rows * width;
        String shape = rows + "x" + width;
        return List.of(new Case("add + rmsnorm forward", shape, 12 * elements, BYTES,
                        () -> backend.addRmsNorm(stream, branch, sum, weight, EPSILON, y, rstd)),
                new Case("add of a bf16 branch", shape, 10 * elements, BYTES, () -> backend.mixedAdd(stream, branch, sum)));
    }

    private List<Case> layerNorm() {
        long rows = tiny ? 8 : 8192;
        long width = tiny ? 64 : 5120;
        Tensor x = normal(DType.BF16, rows, width);
        Tensor weight = normal(DType.BF16, width);
        Tensor bias = normal(DType.BF16, width);
        Tensor y = Tensor.empty(DType.BF16, x.shape());
        Tensor mean = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor rstd = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor gradient = normal(DType.F32, rows, width);
        Tensor dx = Tensor.empty(DType.F32, x.shape());
        Tensor dWeight = Tensor.zeros(width);
        Tensor dBias = Tensor.zeros(width);
        Backend backend = x.backend();
        double elements = (double) rows * width;
        LayerNormParameters parameters = new LayerNormParameters(weight, bias, EPSILON);
        backend.layerNorm(x, parameters, y, mean, rstd);
        String shape = rows + "x" + width;
        return List.of(new Case("layernorm forward", shape, 4 * elements, BYTES, () -> backend.layerNorm(x, parameters, y, mean, rstd)),
                new Case("layernorm backward", shape, 10 * elements, BYTES,
                        () -> backend.layerNormGradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias)));
    }

    private List<Case> attention(int sequence) {
        long heads = tiny ? 2 : 40;
        long width = tiny ? 16 : 128;
        long batch = tiny ? 1 : Math.max(1, 8192 / sequence);
        Tensor q = normal(DType.BF16, batch, sequence, heads, width);
        Tensor k = normal(DType.BF16, batch, sequence, heads, width);
        Tensor v = normal(DType.BF16, batch, sequence, heads, width);
        Tensor out = Tensor.empty(DType.BF16, q.shape());
        Tensor logSumExp = Tensor.empty(DType.F32, Shape.of(batch, heads, sequence));
        Tensor gradient = normal(DType.F32, batch, sequence, heads, width);
        Tensor dq = Tensor.empty(DType.F32, q.shape());
        Tensor dk = Tensor.empty(DType.F32, q.shape());
        Tensor dv = Tensor.empty(DType.F32, q.shape());
        Backend backend = q.backend();
        double scale = 1 / Math.sqrt(width);
        double operations = 2.0 * batch * heads * sequence * sequence * width;
        AttentionOperands operands = new AttentionOperands(q, k, v, scale);
        backend.attention(operands, out, logSumExp);
        String shape = "b%d h%d t%d d%d".formatted(batch, heads, sequence, width);
        return List.of(new Case("sdpa forward causal", shape, operations, OPERATIONS, () -> backend.attention(operands, out, logSumExp)),
                new Case("sdpa backward causal", shape, 2.5 * operations, OPERATIONS,
                        () -> backend.attentionGradient(operands, out, logSumExp, gradient, dq, dk, dv)));
    }

    private List<Case> linearDistillation() {
        long rows = tiny ? 16 : 4096;
        long width = tiny ? 32 : 5120;
        long vocabulary = tiny ? 64 : 84608;
        Tensor hidden = normal(DType.BF16, rows, width).requireGradient();
        Tensor head = normal(DType.BF16, vocabulary, width).requireGradient();
        var teacher = new FactoredLogits(normal(DType.BF16, rows, width), normal(DType.BF16, vocabulary, width));
        var student = new FactoredLogits(hidden, head);
        return List.of(new Case("linear+KL fwd+bwd chunked", "%dx%d V%d".formatted(rows, width, vocabulary), 8.0 * rows * width * vocabulary,
                OPERATIONS,
                () -> {
                    Tensor loss = Functional.distillationLoss(student, teacher, null, DistillationObjective.FORWARD_KL).loss();
                    Autograd.backwardOnce(loss, Tensor.ones());
                    hidden.clearGradient();
                    head.clearGradient();
                }));
    }

    private List<Case> adamW() {
        long elements = tiny ? 1 << 10 : 1L << 28;
        Tensor parameter = normal(DType.BF16, elements);
        Tensor gradient = normal(DType.F32, elements);
        Tensor first = Tensor.zeros(elements);
        Tensor second = Tensor.zeros(elements);
        var step = new AdamWStep(1, 1e-4, 0.9, 0.999, 1e-8, 0.01, 1, new AdamWStep.Rounding(true, 1, 2));
        return List.of(new Case("adamw, f32 state", Long.toString(elements), 24.0 * elements, BYTES,
                () -> parameter.backend().adamW(step, parameter, gradient, first, second)));
    }

    private Tensor normal(DType dtype, long... dimensions) {
        Tensor tensor = Tensor.empty(dtype, Shape.of(dimensions));
        try (var _ = Scope.open()) {
            tensor.assign(Tensor.normal(7, seed++, dimensions));
        }
        return tensor;
    }
}

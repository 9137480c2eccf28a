package kept.bench;

import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import kept.backend.AdamWStep;
import kept.backend.AttentionOperands;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.backend.Binary;
import kept.backend.BlockCodes;
import kept.backend.DistillationObjective;
import kept.backend.LayerNormParameters;
import kept.bench.recording.KernelCosts;
import kept.cuda.driver.LaunchCounter;
import kept.cuda.driver.LaunchCounts;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The kernels of a training step on operands that a virtual GPU computes in a moment, with the widths of Orion-14B where the work of an element
 * depends on the width. Their counts are the costs that {@link KernelCosts} scales.
 */
final class CountedCases {
    private static final int WIDTH = 5120;
    private static final int ROWS = 4;
    private static final int VOCABULARY = 84608;
    private static final int HEAD = 128;
    private static final int POSITIONS = 256;
    private static final int CACHED = 4096;
    private static final int ELEMENTS = 1 << 14;
    private static final String ADAMW = "adamw_coded_bf16_bf16";
    private static final int PARAMETERS = 1 << 17;
    private static final double EPSILON = 1e-5;

    private final Device device;
    private final LaunchCounter counter;
    private final TreeMap<String, KernelCosts.Row> rows = new TreeMap<>();
    private long seed;

    private CountedCases(Device device, LaunchCounter counter) {
        this.device = device;
        this.counter = counter;
    }

    /**
     * Returns the counter of a device that runs the kernels itself.
     *
     * @param device device
     * @return counter; nothing if the device does not count
     */
    static Optional<LaunchCounter> counter(Device device) {
        return ServiceLoader.load(BackendProvider.class).stream().map(ServiceLoader.Provider::get)
                .filter(provider -> provider.name().equals(device.name())).filter(LaunchCounter.class::isInstance).map(LaunchCounter.class::cast)
                .findFirst();
    }

    /**
     * Runs and counts the kernels.
     *
     * @param device device that computes
     * @param counter its driver
     * @return one row for each kernel, by name
     */
    static List<KernelCosts.Row> count(Device device, LaunchCounter counter) {
        var cases = new CountedCases(device, counter);
        cases.elementwise();
        cases.norms();
        cases.attention();
        cases.losses();
        cases.optimizer();
        cases.decoding();
        return List.copyOf(cases.rows.values());
    }

    private void elementwise() {
        run(ROWS + "x" + WIDTH, backend -> {
            Tensor x = normal(DType.F32, ROWS, WIDTH);
            Tensor other = normal(DType.F32, ROWS, WIDTH);
            Tensor y = normal(DType.BF16, ROWS, WIDTH);
            Tensor out = Tensor.empty(DType.F32, x.shape());
            Tensor narrow = Tensor.empty(DType.BF16, x.shape());
            return List.of(() -> backend.binary(Binary.ADD, x, other, out), () -> backend.binary(Binary.MULTIPLY, x, other, out),
                    () -> backend.mixedAdd(x, y, out), () -> backend.copy(x, narrow), () -> backend.copy(y, out), () -> backend.fill(out, 1));
        });
        run(Integer.toString(ELEMENTS), backend -> {
            Tensor gate = normal(DType.BF16, ELEMENTS);
            Tensor up = normal(DType.BF16, ELEMENTS);
            Tensor out = Tensor.empty(DType.BF16, gate.shape());
            Tensor gradient = normal(DType.F32, ELEMENTS);
            Tensor dGate = Tensor.empty(DType.F32, gate.shape());
            Tensor dUp = Tensor.empty(DType.F32, gate.shape());
            return List.of(() -> backend.swiGlu(gate, up, out), () -> backend.swiGluGradient(gradient, gate, up, dGate, dUp),
                    () -> backend.swiGluGradientRounded(out, gate, up, Tensor.empty(DType.BF16, gate.shape()), Tensor.empty(DType.BF16, up.shape())));
        });
        run("1x4x40x" + HEAD, backend -> {
            Tensor x = normal(DType.BF16, 1, ROWS, WIDTH / HEAD, HEAD);
            Tensor wide = normal(DType.F32, 1, ROWS, WIDTH / HEAD, HEAD);
            Tensor angles = normal(DType.F32, ROWS, HEAD / 2);
            return List.of(() -> backend.rotaryEmbedding(x, angles, angles, false, Tensor.empty(DType.BF16, x.shape())),
                    () -> backend.rotaryEmbedding(wide, angles, angles, true, Tensor.empty(DType.F32, wide.shape())),
                    () -> backend.rotaryEmbeddingRounded(wide, angles, angles, true, Tensor.empty(DType.BF16, wide.shape())));
        });
        run("16 of 64x" + WIDTH, backend -> {
            Tensor table = normal(DType.BF16, 64, WIDTH);
            Tensor index = Tensor.of(IntStream.range(0, 16).map(i -> i * 7 % 64).toArray(), 16);
            Tensor gradient = normal(DType.F32, 16, WIDTH);
            Tensor sums = Tensor.zeros(64, WIDTH);
            return List.of(() -> backend.embedding(table, index, Tensor.empty(DType.BF16, Shape.of(16, WIDTH))),
                    () -> backend.embeddingGradient(gradient, index, sums));
        });
    }

    private void norms() {
        run(ROWS + "x" + WIDTH, backend -> {
            Tensor x = normal(DType.F32, ROWS, WIDTH);
            Tensor gradient = normal(DType.F32, ROWS, WIDTH);
            Tensor branch = normal(DType.BF16, ROWS, WIDTH);
            Tensor weight = normal(DType.BF16, WIDTH);
            Tensor sum = Tensor.empty(DType.F32, x.shape());
            Tensor out = Tensor.empty(DType.BF16, x.shape());
            Tensor mean = Tensor.empty(DType.F32, Shape.of(ROWS));
            Tensor rstd = Tensor.empty(DType.F32, Shape.of(ROWS));
            var layer = new LayerNormParameters(weight, weight, EPSILON);
            Tensor dx = Tensor.empty(DType.F32, x.shape());
            Tensor dWeight = Tensor.zeros(WIDTH);
            return List.of(() -> backend.rmsNorm(x, weight, EPSILON, out, rstd), () -> backend.rmsNorm(x, weight, EPSILON, sum, rstd),
                    () -> backend.layerNorm(x, layer, out, mean, rstd), () -> backend.layerNorm(x, layer, sum, mean, rstd),
                    () -> backend.addRmsNorm(x, branch, sum, weight, EPSILON, out, rstd),
                    () -> backend.addLayerNorm(x, branch, sum, layer, out, mean, rstd),
                    () -> backend.rmsNormGradient(gradient, x, weight, rstd, dx, dWeight),
                    () -> backend.addRmsNormGradient(gradient, x, weight, rstd, dx, out, dWeight));
        });
    }

    private void attention() {
        run("1x%dx1x%d".formatted(POSITIONS, HEAD), backend -> {
            Tensor q = normal(DType.BF16, 1, POSITIONS, 1, HEAD);
            Tensor k = normal(DType.BF16, 1, POSITIONS, 1, HEAD);
            Tensor v = normal(DType.BF16, 1, POSITIONS, 1, HEAD);
            var operands = new AttentionOperands(q, k, v, 1 / Math.sqrt(HEAD));
            Tensor out = Tensor.empty(DType.BF16, q.shape());
            Tensor logSumExp = Tensor.empty(DType.F32, Shape.of(1, 1, POSITIONS));
            Tensor gradient = normal(DType.F32, 1, POSITIONS, 1, HEAD);
            return List.of(() -> backend.attention(operands, out, logSumExp),
                    () -> backend.attentionGradient(operands, out, logSumExp, gradient, Tensor.empty(DType.F32, q.shape()),
                            Tensor.empty(DType.F32, q.shape()), Tensor.empty(DType.F32, q.shape())));
        });
    }

    /** One query over many keys, as in decoding. */
    private void decoding() {
        run("1 of %dx1x%d".formatted(CACHED, HEAD), backend -> {
            Tensor q = normal(DType.BF16, 1, 1, 1, HEAD);
            Tensor k = normal(DType.BF16, 1, CACHED, 1, HEAD);
            Tensor v = normal(DType.BF16, 1, CACHED, 1, HEAD);
            return List.of(() -> backend.attention(new AttentionOperands(q, k, v, 1 / Math.sqrt(HEAD)), Tensor.empty(DType.BF16, q.shape()),
                    Tensor.empty(DType.F32, Shape.of(1, 1, 1))));
        });
    }

    private void losses() {
        run("1x" + VOCABULARY, backend -> {
            Tensor teacher = normal(DType.F32, 1, VOCABULARY);
            Tensor student = normal(DType.F32, 1, VOCABULARY);
            Tensor losses = Tensor.empty(DType.F32, Shape.of(1));
            Tensor divergences = Tensor.empty(DType.F32, Shape.of(1));
            return List.of(() -> backend.distillationRows(DistillationObjective.FORWARD_KL, teacher, student, null, 1, losses, divergences));
        });
    }

    private void optimizer() {
        adamW(PARAMETERS);
        KernelCosts.Row less = rows.remove(ADAMW);
        adamW(2 * PARAMETERS);
        rows.computeIfPresent(ADAMW, (_, more) -> more.minus(less));
        run(Integer.toString(PARAMETERS), backend -> {
            Tensor gradient = normal(DType.BF16, PARAMETERS);
            return List.of(() -> backend.sumOfSquares(List.of(gradient)));
        });
        // The total of a whole model has many chunks.
        run("1024 tensors", backend -> {
            Tensor gradient = normal(DType.BF16, 1024, 128);
            List<Tensor> parts = IntStream.range(0, 1024).mapToObj(i -> gradient.slice(0, i, i + 1)).toList();
            return List.of(() -> backend.sumOfSquares(parts));
        });
    }

    /** The blocks of AdamW are as many as the device runs at once, and each builds its tables. */
    private void adamW(int count) {
        run(Integer.toString(count), backend -> {
            Tensor parameter = normal(DType.BF16, count);
            Tensor gradient = normal(DType.BF16, count);
            Tensor first = Tensor.full(0, DType.I32, BlockCodes.shape(count));
            Tensor second = Tensor.full(0, DType.I32, BlockCodes.shape(count));
            var step = new AdamWStep(1, 1e-4, 0.9, 0.999, 1e-8, 0.01, 1);
            return List.of(() -> backend.adamW(step, parameter, gradient, first, second));
        });
    }

    /** Runs operations, each counted by itself; of several launches of a kernel the one with the most work counts. */
    private void run(String shape, Function<Backend, List<Runnable>> operations) {
        try (var _ = Scope.open(device)) {
            for (Runnable operation : operations.apply(device.backend())) {
                counter.count(true);
                operation.run();
                List<LaunchCounts> counted = counter.takeCounts();
                counter.count(false);
                for (LaunchCounts counts : counted) {
                    rows.merge(counts.kernel(), KernelCosts.Row.of(shape, counts), (one, other) -> other.units() > one.units() ? other : one);
                }
            }
        }
    }

    private Tensor normal(DType dtype, long... dimensions) {
        Tensor tensor = Tensor.empty(dtype, Shape.of(dimensions));
        try (var _ = Scope.open()) {
            tensor.assign(Tensor.normal(7, seed++, dimensions));
        }
        return tensor;
    }
}

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
import kept.backend.LeastSquares;
import kept.backend.Reduction;
import kept.bench.recording.KernelCosts;
import kept.cuda.driver.LaunchCounter;
import kept.cuda.driver.LaunchCounts;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The kernels of a training step and of decoding, with the widths of Orion-14B where the work of an element depends on the width. On operands that a
 * virtual GPU computes in a moment they are counted: these are the costs that {@link KernelCosts} scales. On those of Orion-14B they are timed.
 */
final class CountedCases {
    private static final int WIDTH = 5120;
    private static final int VOCABULARY = 84608;
    private static final int HEAD = 128;
    private static final String ADAMW = "adamw_coded_bf16_bf16";
    private static final double EPSILON = 1e-5;

    private final Sizes sizes;
    private final Visitor visitor;
    private long seed;

    private CountedCases(Sizes sizes, Visitor visitor) {
        this.sizes = sizes;
        this.visitor = visitor;
    }

    /**
     * Sizes of the operands.
     *
     * @param rows rows of the residual stream
     * @param positions queries and keys of attention
     * @param heads heads of attention
     * @param cached keys before a decoded token
     * @param elements elements of SwiGLU
     * @param parameters elements of a matrix that AdamW updates
     * @param logits rows of logits
     * @param tokens tokens that are embedded
     * @param vocabulary rows of the embedding
     */
    record Sizes(int rows, int positions, int heads, int cached, int elements, int parameters, int logits, int tokens, int vocabulary) {
        /** So small that a virtual GPU computes them in a moment. */
        static final Sizes COUNTED = new Sizes(4, 256, 1, 4096, 1 << 14, 1 << 17, 1, 16, 64);
        /** Of a step of Orion-14B of 4,096 tokens. */
        static final Sizes ORION = new Sizes(4096, 4096, 40, 4096, 4096 * 15360, 5120 * 15360, 1536, 4096, VOCABULARY);
        /** To check a program. */
        static final Sizes TINY = new Sizes(1, 64, 1, 300, 64, 1024, 1, 2, 4);
    }

    /** Runs some operations whose operands it creates. */
    @FunctionalInterface
    interface Visitor {
        /**
         * Takes operations.
         *
         * @param shape shape of the operands
         * @param operations creates the operands in the current scope, and the operations on them
         */
        void run(String shape, Function<Backend, List<Runnable>> operations);
    }

    /**
     * Passes all operations to a visitor.
     *
     * @param sizes sizes of the operands
     * @param visitor runs the operations on a device
     */
    static void visit(Sizes sizes, Visitor visitor) {
        var cases = new CountedCases(sizes, visitor);
        cases.elementwise();
        cases.norms();
        cases.attention();
        cases.losses();
        cases.optimizer();
        cases.decoding();
        cases.rest();
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
        var rows = new TreeMap<String, KernelCosts.Row>();
        Visitor counting = (shape, operations) -> count(device, counter, shape, operations, rows);
        visit(Sizes.COUNTED, counting);
        // The blocks of AdamW are as many as the device runs at once, and each builds its tables.
        KernelCosts.Row less = rows.remove(ADAMW);
        new CountedCases(Sizes.COUNTED, counting).adamW(2 * Sizes.COUNTED.parameters());
        rows.computeIfPresent(ADAMW, (_, more) -> more.minus(less));
        new CountedCases(Sizes.COUNTED, counting).leastSquares();
        return List.copyOf(rows.values());
    }

    /** Counts each operation by itself; of several launches of a kernel the one with the most work counts. */
    private static void count(Device device, LaunchCounter counter, String shape, Function<Backend, List<Runnable>> operations,
            TreeMap<String, KernelCosts.Row> rows) {
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

    private void run(String shape, Function<Backend, List<Runnable>> operations) {
        visitor.run(shape, operations);
    }

    private void elementwise() {
        run(sizes.rows() + "x" + WIDTH, backend -> {
            Tensor x = normal(DType.F32, sizes.rows(), WIDTH);
            Tensor other = normal(DType.F32, sizes.rows(), WIDTH);
            Tensor y = normal(DType.BF16, sizes.rows(), WIDTH);
            Tensor out = Tensor.empty(DType.F32, x.shape());
            Tensor narrow = Tensor.empty(DType.BF16, x.shape());
            return List.of(() -> backend.binary(Binary.ADD, x, other, out), () -> backend.binary(Binary.MULTIPLY, x, other, out),
                    () -> backend.mixedAdd(x, y, out), () -> backend.copy(x, narrow), () -> backend.copy(y, out), () -> backend.fill(out, 1));
        });
        run(Integer.toString(sizes.elements()), backend -> {
            Tensor gate = normal(DType.BF16, sizes.elements());
            Tensor up = normal(DType.BF16, sizes.elements());
            Tensor out = Tensor.empty(DType.BF16, gate.shape());
            Tensor gradient = normal(DType.F32, sizes.elements());
            Tensor dGate = Tensor.empty(DType.F32, gate.shape());
            Tensor dUp = Tensor.empty(DType.F32, gate.shape());
            return List.of(() -> backend.swiGlu(gate, up, out), () -> backend.swiGluGradient(gradient, gate, up, dGate, dUp),
                    () -> backend.swiGluGradientRounded(out, gate, up, Tensor.empty(DType.BF16, gate.shape()), Tensor.empty(DType.BF16, up.shape())));
        });
        run("1x%dx%dx%d".formatted(sizes.rows(), WIDTH / HEAD, HEAD), backend -> {
            Tensor x = normal(DType.BF16, 1, sizes.rows(), WIDTH / HEAD, HEAD);
            Tensor wide = normal(DType.F32, 1, sizes.rows(), WIDTH / HEAD, HEAD);
            Tensor angles = normal(DType.F32, sizes.rows(), HEAD / 2);
            return List.of(() -> backend.rotaryEmbedding(x, angles, angles, false, Tensor.empty(DType.BF16, x.shape())),
                    () -> backend.rotaryEmbedding(wide, angles, angles, true, Tensor.empty(DType.F32, wide.shape())),
                    () -> backend.rotaryEmbeddingRounded(wide, angles, angles, true, Tensor.empty(DType.BF16, wide.shape())));
        });
        run("%d of %dx%d".formatted(sizes.tokens(), sizes.vocabulary(), WIDTH), backend -> {
            Tensor table = normal(DType.BF16, sizes.vocabulary(), WIDTH);
            Tensor index = Tensor.of(IntStream.range(0, sizes.tokens()).map(i -> i * 7 % sizes.vocabulary()).toArray(), sizes.tokens());
            Tensor gradient = normal(DType.F32, sizes.tokens(), WIDTH);
            Tensor sums = Tensor.zeros(sizes.vocabulary(), WIDTH);
            return List.of(() -> backend.embedding(table, index, Tensor.empty(DType.BF16, Shape.of(sizes.tokens(), WIDTH))),
                    () -> backend.embeddingGradient(gradient, index, sums));
        });
    }

    private void norms() {
        run(sizes.rows() + "x" + WIDTH, backend -> {
            Tensor x = normal(DType.F32, sizes.rows(), WIDTH);
            Tensor gradient = normal(DType.F32, sizes.rows(), WIDTH);
            Tensor branch = normal(DType.BF16, sizes.rows(), WIDTH);
            Tensor weight = normal(DType.BF16, WIDTH);
            Tensor sum = Tensor.empty(DType.F32, x.shape());
            Tensor out = Tensor.empty(DType.BF16, x.shape());
            Tensor mean = Tensor.empty(DType.F32, Shape.of(sizes.rows()));
            Tensor rstd = Tensor.empty(DType.F32, Shape.of(sizes.rows()));
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
        run("1x%dx%dx%d".formatted(sizes.positions(), sizes.heads(), HEAD), backend -> {
            Tensor q = normal(DType.BF16, 1, sizes.positions(), sizes.heads(), HEAD);
            Tensor k = normal(DType.BF16, 1, sizes.positions(), sizes.heads(), HEAD);
            Tensor v = normal(DType.BF16, 1, sizes.positions(), sizes.heads(), HEAD);
            var operands = new AttentionOperands(q, k, v, 1 / Math.sqrt(HEAD));
            Tensor out = Tensor.empty(DType.BF16, q.shape());
            Tensor logSumExp = Tensor.empty(DType.F32, Shape.of(1, sizes.heads(), sizes.positions()));
            Tensor gradient = normal(DType.F32, 1, sizes.positions(), sizes.heads(), HEAD);
            return List.of(() -> backend.attention(operands, out, logSumExp),
                    () -> backend.attentionGradient(operands, out, logSumExp, gradient, Tensor.empty(DType.F32, q.shape()),
                            Tensor.empty(DType.F32, q.shape()), Tensor.empty(DType.F32, q.shape())));
        });
    }

    /** One query over many keys, as in decoding. */
    private void decoding() {
        run("1 of %dx%dx%d".formatted(sizes.cached(), sizes.heads(), HEAD), backend -> {
            Tensor q = normal(DType.BF16, 1, 1, sizes.heads(), HEAD);
            Tensor k = normal(DType.BF16, 1, sizes.cached(), sizes.heads(), HEAD);
            Tensor v = normal(DType.BF16, 1, sizes.cached(), sizes.heads(), HEAD);
            return List.of(() -> backend.attention(new AttentionOperands(q, k, v, 1 / Math.sqrt(HEAD)), Tensor.empty(DType.BF16, q.shape()),
                    Tensor.empty(DType.F32, Shape.of(1, sizes.heads(), 1))));
        });
        run("1x1x40x" + HEAD, backend -> {
            Tensor q = normal(DType.BF16, 1, 1, WIDTH / HEAD, HEAD);
            Tensor angles = normal(DType.F32, 1, HEAD / 2);
            Tensor k = normal(DType.BF16, 1, 1, WIDTH / HEAD, HEAD);
            Tensor keys = Tensor.empty(DType.BF16, k.shape());
            Tensor values = Tensor.empty(DType.BF16, k.shape());
            return List.of(() -> backend.rotaryAppend(q, k, k, angles, angles, keys, values));
        });
    }

    private void losses() {
        run(sizes.logits() + "x" + VOCABULARY, backend -> {
            Tensor teacher = normal(DType.F32, sizes.logits(), VOCABULARY);
            Tensor student = normal(DType.F32, sizes.logits(), VOCABULARY);
            Tensor losses = Tensor.empty(DType.F32, Shape.of(sizes.logits()));
            Tensor divergences = Tensor.empty(DType.F32, Shape.of(sizes.logits()));
            return List.of(() -> backend.distillationRows(DistillationObjective.FORWARD_KL, teacher, student, null, 1, losses, divergences));
        });
    }

    private void optimizer() {
        adamW(sizes.parameters());
        run(Integer.toString(sizes.parameters()), backend -> {
            Tensor gradient = normal(DType.BF16, sizes.parameters());
            return List.of(() -> backend.sumOfSquares(List.of(gradient)));
        });
        // The total of a whole model has many chunks.
        run("1024 tensors", backend -> {
            Tensor gradient = normal(DType.BF16, 1024, 128);
            List<Tensor> parts = IntStream.range(0, 1024).mapToObj(i -> gradient.slice(0, i, i + 1)).toList();
            return List.of(() -> backend.sumOfSquares(parts));
        });
    }

    private void adamW(int count) {
        run(Integer.toString(count), backend -> {
            Tensor parameter = normal(DType.BF16, count);
            Tensor gradient = normal(DType.BF16, count);
            Tensor first = Tensor.full(0, DType.I32, BlockCodes.shape(count));
            Tensor second = Tensor.full(0, DType.I32, BlockCodes.shape(count));
            var step = new AdamWStep(1, 1e-4, 0.9, 0.999, 1e-8, 0.01, 1, new AdamWStep.Rounding(true, 1, 2));
            return List.of(() -> backend.adamW(step, parameter, gradient, first, second));
        });
    }

    /** Kernels that run once for each token, loss or norm weight. */
    private void rest() {
        run(sizes.rows() + "x" + WIDTH, backend -> {
            Tensor x = normal(DType.F32, sizes.rows(), WIDTH);
            Tensor branch = normal(DType.BF16, sizes.rows(), WIDTH);
            Tensor weight = normal(DType.BF16, WIDTH);
            Tensor sum = Tensor.empty(DType.F32, x.shape());
            Tensor out = Tensor.empty(DType.F32, x.shape());
            Tensor mean = Tensor.empty(DType.F32, Shape.of(sizes.rows()));
            Tensor rstd = Tensor.empty(DType.F32, Shape.of(sizes.rows()));
            return List.of(() -> backend.addRmsNorm(x, branch, sum, weight, EPSILON, out, rstd),
                    () -> backend.addLayerNorm(x, branch, sum, new LayerNormParameters(weight, weight, EPSILON), out, mean, rstd));
        });
        run("1", backend -> {
            Tensor one = normal(DType.F32, 1);
            return List.of(() -> backend.binary(Binary.DIVIDE, one, one, one), () -> backend.fill(one, 1));
        });
        run(Integer.toString(WIDTH), backend -> {
            Tensor gradient = normal(DType.F32, WIDTH);
            Tensor parameter = normal(DType.BF16, WIDTH);
            Tensor first = Tensor.full(0, DType.I32, BlockCodes.shape(WIDTH));
            Tensor second = Tensor.full(0, DType.I32, BlockCodes.shape(WIDTH));
            var step = new AdamWStep(1, 1e-4, 0.9, 0.999, 1e-8, 0.01, 1, new AdamWStep.Rounding(true, 1, 2));
            return List.of(() -> backend.reduce(Reduction.SUM, gradient, Tensor.empty(DType.F32, Shape.of())),
                    () -> backend.sumOfSquares(List.of(gradient)), () -> backend.adamW(step, parameter, gradient, first, second));
        });
    }

    /** Each operation once, in this order. */
    private void leastSquares() {
        run("200x192", backend -> {
            Tensor y = normal(DType.F32, 200, 192);
            Tensor d = normal(DType.F32, 200, 192);
            LeastSquares equations = backend.leastSquares(192);
            return List.of(() -> equations.add(y, d), () -> equations.factor(1000), () -> equations.fit(128), () -> equations.evaluate(y, d),
                    equations::solve, equations::close);
        });
    }

    private Tensor normal(DType dtype, long... dimensions) {
        Tensor tensor = Tensor.empty(dtype, Shape.of(dimensions));
        try (var _ = Scope.open()) {
            tensor.assign(Tensor.normal(7, seed++, dimensions));
        }
        return tensor;
    }
}

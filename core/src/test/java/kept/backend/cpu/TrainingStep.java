package kept.backend.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.autograd.FactoredLogits;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.nn.Attention;
import kept.nn.Embedding;
import kept.nn.Functional;
import kept.nn.Layer;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.RmsNorm;
import kept.nn.RopeScaling;
import kept.nn.RotaryEmbedding;
import kept.nn.SwiGlu;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * A step of training on a very small decoder, and each elementwise function and reduction once: what a test compares bit for bit between ways of
 * running the JVM. As a program, it prints a line for each result.
 */
final class TrainingStep {
    private static final int VOCABULARY = 37;
    private static final int HIDDEN = 20;
    private static final int INTERMEDIATE = 27;
    private static final int HEADS = 2;
    private static final int D = 10;
    private static final int SEQUENCE = 9;

    private TrainingStep() {}

    /**
     * Prints the results of one step.
     *
     * @param arguments none
     */
    public static void main(String... arguments) {
        results().forEach((name, bits) -> System.out.println(name + " " + bits));
    }

    /**
     * Runs one step.
     *
     * @return the bits of each result by its name
     */
    static SequencedMap<String, String> results() {
        SequencedMap<String, String> results = new LinkedHashMap<>();
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(D, 10_000, new RopeScaling.None(), 16)) {
            functions(results);
            for (Divergence divergence : Divergence.values()) {
                step(DType.F32, divergence, rotary, results);
            }
            step(DType.BF16, Divergence.FORWARD_KL, rotary, results);
        }
        return results;
    }

    private static void functions(Map<String, String> results) {
        Tensor x = Tensor.normal(1, 0, 13, 19).mul(3);
        Tensor positive = x.abs().add(0.01);
        put(results, "exp", x.exp());
        put(results, "log", positive.log());
        put(results, "sqrt", positive.sqrt());
        put(results, "rsqrt", positive.rsqrt());
        put(results, "pow", positive.pow(1.7));
        put(results, "tanh", x.tanh());
        put(results, "sigmoid", x.sigmoid());
        put(results, "silu", x.silu());
        put(results, "gelu", x.gelu());
        put(results, "geluTanh", x.geluTanh());
        put(results, "sin", x.mul(1e5).sin());
        put(results, "cos", x.cos());
        put(results, "erf", x.erf());
        put(results, "quotient", x.div(positive.transpose(0, 1).contiguous().transpose(0, 1)));
        put(results, "sum of rows", x.sum(1));
        put(results, "sum of columns", x.sum(0));
        put(results, "mean", x.mean());
        put(results, "variance", x.variance(1));
        put(results, "logSumExp", x.logSumExp(0));
        put(results, "softmax", x.softmax(1));
        put(results, "logSoftmax", x.logSoftmax(0));
        put(results, "f16", x.cast(DType.F16));
    }

    private static void step(DType dtype, Divergence divergence, RotaryEmbedding rotary, Map<String, String> results) {
        var student = new Decoder(2, dtype, new RmsNorm(norm(0), 1e-5));
        var teacher = new Decoder(3, dtype, new LayerNorm(norm(1), norm(2), 1e-5));
        long[] ids = new long[2 * SEQUENCE];
        Arrays.setAll(ids, i -> i * 11 % VOCABULARY);
        Tensor tokens = Tensor.of(ids, 2, SEQUENCE);
        Tensor labels = Tensor.of(ids);
        FactoredLogits learned = student.forward(tokens, rotary);
        FactoredLogits given = teacher.forward(tokens, rotary);
        Tensor loss = Functional.distillationLoss(learned, given, labels, new DistillationObjective(divergence, 1.5, 0.25)).loss()
                .add(Functional.crossEntropy(learned, labels).mul(0.1));
        loss.backward();
        String what = dtype.label() + " " + divergence + " ";
        put(results, what + "loss", loss);
        student.parameters().forEach((name, parameter) -> put(results, what + "gradient of " + name, parameter.gradient()));
        var clipping = GradientClipping.globalNorm(student.parameters().values(), 1);
        try (var optimizer = new AdamW(student.parameters(), new AdamW.Settings(0.9, 0.95, 1e-8, 0.1), AdamW.Decay.MATRICES)) {
            optimizer.step(1e-3, clipping.scale());
        }
        student.parameters().forEach((name, parameter) -> put(results, what + name, parameter.value()));
    }

    private static void put(Map<String, String> results, String name, Tensor tensor) {
        float[] values = tensor.detach().toFloatArray();
        List<String> bits = new ArrayList<>();
        for (float value : values) {
            bits.add(HexFormat.of().toHexDigits(Float.floatToRawIntBits(value)));
        }
        results.put(name, String.join(",", bits));
    }

    private static Tensor norm(int stream) {
        return Tensor.uniform(4, stream, HIDDEN).detach().requireGradient();
    }

    /** One layer and a head, its weights random and trainable. */
    private static final class Decoder extends Layer {
        private final Embedding embedding;
        private final Attention attention;
        private final Norm norm;
        private final SwiGlu feedForward;
        private final Tensor head;

        Decoder(int seed, DType dtype, Norm norm) {
            this.norm = register("norm", norm);
            embedding = register("embedding", new Embedding(weight(seed, 0, dtype, VOCABULARY, HIDDEN)));
            attention = register("attention", new Attention(map(seed, 1, dtype, HEADS * D, HIDDEN), map(seed, 2, dtype, D, HIDDEN),
                    map(seed, 3, dtype, D, HIDDEN), map(seed, 4, dtype, HIDDEN, HEADS * D), HEADS, 1, D));
            feedForward = register("mlp", new SwiGlu(map(seed, 5, dtype, INTERMEDIATE, HIDDEN), map(seed, 6, dtype, INTERMEDIATE, HIDDEN),
                    map(seed, 7, dtype, HIDDEN, INTERMEDIATE)));
            head = register("head", weight(seed, 8, dtype, VOCABULARY, HIDDEN)).value();
        }

        FactoredLogits forward(Tensor tokens, RotaryEmbedding rotary) {
            Tensor x = embedding.forward(tokens);
            x = x.add(attention.forward(norm.forward(x), rotary.angles(0, SEQUENCE), null));
            x = x.add(feedForward.forward(norm.forward(x)));
            return new FactoredLogits(norm.forward(x), head);
        }

        private static Linear map(int seed, int stream, DType dtype, int out, int in) {
            return new Linear(weight(seed, stream, dtype, out, in), null);
        }

        private static Tensor weight(int seed, int stream, DType dtype, int rows, int columns) {
            return Tensor.normal(seed, stream, rows, columns).mul(0.3).cast(dtype).detach().requireGradient();
        }
    }
}

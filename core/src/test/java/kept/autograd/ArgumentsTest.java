package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import kept.autograd.operation.ElementwiseUnary;
import kept.backend.BlockMatrix;
import kept.backend.TensorMemory;
import kept.backend.Unary;
import kept.linalg.Cholesky;
import kept.linalg.DoubleMatrix;
import kept.linalg.DoubleProducts;
import kept.linalg.NotPositiveDefiniteException;
import kept.nn.Activation;
import kept.nn.Attention;
import kept.nn.Embedding;
import kept.nn.GatedFeedForward;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.Parameter;
import kept.nn.PlainFeedForward;
import kept.nn.RmsNorm;
import kept.nn.RopeScaling;
import kept.nn.RotaryEmbedding;
import kept.nn.SwiGlu;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What creates tensors, layers and optimizers refuses what it cannot take, with an error that begins with its name. */
class ArgumentsTest {
    private static final double NAN = Double.NaN;

    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static void refused(String name, ThrowingCallable... calls) {
        for (int i = 0; i < calls.length; i++) {
            assertThatThrownBy(calls[i]).as("call %d", i).isInstanceOf(TensorException.class).hasMessageStartingWith("[" + name + "] ");
        }
    }

    /** Of settings, and of double precision, which knows nothing of tensors. */
    private static void refusedAsArgument(String name, ThrowingCallable... calls) {
        for (int i = 0; i < calls.length; i++) {
            assertThatThrownBy(calls[i]).as("call %d", i).isInstanceOfAny(IllegalArgumentException.class, IndexOutOfBoundsException.class)
                    .hasMessageStartingWith("[" + name + "] ");
        }
    }

    /** More elements than an array or the machine holds; views of one element stand for large tensors. */
    @Test
    void sizesWithoutRoomAreRefused() {
        Tensor one = Tensor.ones(1);
        refused("allocate", () -> Tensor.empty(DType.F32, Shape.of(1L << 50)), () -> one.expand(1L << 45).copy(), () -> one.expand(1L << 45).flip(0),
                () -> one.expand(1L << 45, 2).tril(0), () -> one.expand(2, 1L << 45).triu(0), () -> one.pad(0, 1L << 50, 0));
        refused("empty", () -> Tensor.empty(DType.U8, Shape.of(Long.MAX_VALUE)), () -> Tensor.of(new byte[1], Long.MAX_VALUE),
                () -> one.pad(0, Long.MAX_VALUE - 1, 0), () -> Tensor.eye(1L << 31, 1L << 31));
        refused("sort", () -> one.expand(1L << 40).sort(0), () -> one.expand(1L << 40).topK(3, 0), () -> one.expand(1 << 16, 1 << 16).sort(1));
        refused("pad", () -> one.pad(0, Long.MIN_VALUE, 0), () -> one.pad(0, 3, Long.MIN_VALUE), () -> one.pad(0, -1, -1));
        refused("shape", () -> Tensor.zeros(0, 1L << 40, 1L << 40).flatten(1, 2));
        RotaryEmbedding rotation = new RotaryEmbedding(4, 1e4, new RopeScaling.None(), Long.MAX_VALUE);
        refused("rotary embedding", () -> rotation.angles(Long.MAX_VALUE - 2, 1), () -> rotation.angles(0, 1L << 31),
                () -> new RotaryEmbedding(Integer.MAX_VALUE - 1, 1e4, new RopeScaling.None(), 10));
    }

    @Test
    void vectorsLongerThanAPieceAreFilledInOrder() {
        int count = (1 << 16) + 3;
        float[] counted = Tensor.arange(count).toFloatArray();
        double[] spaced = Tensor.linspace(-1, count - 2, count).toDoubleArray();
        long[] turned = Tensor.arange(count).cast(DType.I64).flip(0).toLongArray();
        for (int i = 0; i < count; i++) {
            assertThat(counted[i]).isEqualTo(i);
            assertThat(spaced[i]).isEqualTo(i - 1);
            assertThat(turned[i]).isEqualTo(count - 1 - i);
        }
    }

    @Test
    void tensorsAreMadeOfWhatFits() {
        refused("empty", () -> Tensor.empty(null, Shape.of(2)), () -> Tensor.empty(DType.F32, null), () -> Tensor.full(1, null, Shape.of(2)),
                () -> Tensor.scalar(1, null), () -> Tensor.empty(DType.I64, Shape.of(Long.MAX_VALUE / 4)));
        refused("shape", () -> Tensor.zeros(-1), () -> Tensor.ones(2, -3), () -> Tensor.zeros((long[]) null), () -> Shape.of(Long.MAX_VALUE, 2),
                () -> Tensor.uniform(1, 2, -1), () -> Tensor.normal(1, 2, (long[]) null), () -> Shape.of(2).with(1, 3), () -> Shape.of(2).with(0, -3),
                () -> Tensor.of(new float[2], -2));
        refused("of", () -> Tensor.of((float[]) null), () -> Tensor.of((int[]) null, 2), () -> Tensor.of((long[]) null),
                () -> Tensor.of((double[]) null), () -> Tensor.of((byte[]) null), () -> Tensor.of((boolean[]) null, 1),
                () -> Tensor.of(new float[2], (long[]) null));
        refused("upload", () -> Tensor.of(new float[5], 2, 2), () -> Tensor.of(new int[5], 2), () -> Tensor.of(new long[3], 0),
                () -> Tensor.of(new double[3], 2), () -> Tensor.of(new byte[3], 2), () -> Tensor.of(new boolean[3], 4),
                () -> Tensor.zeros(2).upload(null), () -> Tensor.zeros(2).upload(MemorySegment.ofArray(new float[3])),
                () -> Tensor.zeros(2, 2).transpose(0, 1).upload(MemorySegment.ofArray(new float[4])));
        refused("download", () -> Tensor.zeros(2).download(null), () -> Tensor.zeros(2).download(MemorySegment.ofArray(new float[3])));
        refused("from", () -> Tensor.from(null, DType.F32, Shape.of(1)));
        refused("arange", () -> Tensor.arange(-1));
        refused("linspace", () -> Tensor.linspace(0, 1, -1));
        refused("shape", () -> Tensor.eye(-1), () -> Tensor.eye(2, -1));
        refused("get", () -> Tensor.zeros(2, 3).get(0), () -> Tensor.zeros(2, 3).get(0, 3), () -> Tensor.zeros(2, 3).get(-3, 0),
                () -> Tensor.zeros(2).get((long[]) null));
        refused("set", () -> Tensor.zeros(2, 3).set(1, 2, 0), () -> Tensor.zeros(1).expand(2).set(1, 0), () -> Tensor.of(new int[2]).set(0.5, 0));
        refused("size", () -> Tensor.zeros(2).size(1), () -> Shape.of().size(0), () -> Shape.of(2).size(Integer.MIN_VALUE));
        refused("stride", () -> Tensor.zeros(2).stride(-2));
        refused("broadcast", () -> Shape.broadcast(Shape.of(2), Shape.of(3)));
        refused("test", () -> TensorMemory.expandedStrides(Tensor.zeros(2), Shape.of(3), "test"),
                () -> TensorMemory.expandedStrides(Tensor.zeros(2, 1), Shape.of(2), "test"));
        refused("item", () -> Tensor.zeros(2).item());
        refused("toFloatArray", () -> Tensor.zeros(1).expand(1L << 40).toFloatArray());
        refused("toLongArray", () -> Tensor.zeros(1).expand(1L << 31).toLongArray());
        assertThat(Tensor.arange(0).shape()).isEqualTo(Shape.of(0));
    }

    @Test
    void viewsLieInTheirMemory() {
        Tensor x = Tensor.zeros(1024, 64);
        refused("view", () -> TensorMemory.view(x, Shape.of(1 << 20), new long[] {1}, 0),
                () -> TensorMemory.view(x, Shape.of(2), new long[] {1 << 20}, 0),
                () -> TensorMemory.view(x, Shape.of(1), new long[] {1}, 1 << 20), () -> TensorMemory.view(x, Shape.of(2), new long[] {1}, -1),
                () -> TensorMemory.view(x, Shape.of(3), new long[] {-1}, 1), () -> TensorMemory.view(x, Shape.of(2), new long[] {1, 1}, 0),
                () -> TensorMemory.view(x, Shape.of(1L << 33, 1L << 29), new long[] {1L << 33, 1L << 33}, 0));
        assertThat(TensorMemory.view(x, Shape.of(3, 2), new long[] {0, 64}, 5).toFloatArray()).hasSize(6);
        assertThat(TensorMemory.view(x, Shape.of(0), new long[] {1 << 30}, 0).toFloatArray()).isEmpty();
    }

    @Test
    void gradientsAreOfTheirLeaf() {
        Tensor leaf = Tensor.zeros(2, 3).requireGradient();
        refused("requireGradient", () -> Tensor.zeros(2).requireGradient(null), () -> Tensor.zeros(2).requireGradient(DType.F16),
                () -> Tensor.of(new int[2]).requireGradient(), () -> Tensor.of(new long[2]).requireGradient(DType.I64));
        refused("setGradient", () -> TensorInternals.setGradient(leaf, null), () -> TensorInternals.setGradient(leaf, Tensor.zeros(3, 2)),
                () -> TensorInternals.setGradient(leaf, Tensor.zeros(3, 2).transpose(0, 1)),
                        () -> TensorInternals.setGradient(leaf, Tensor.zeros(2, 3).cast(DType.BF16)),
                () -> TensorInternals.setGradient(leaf, leaf.detach()));
        Tensor root = leaf.mul(2);
        refused("backward", () -> Autograd.backward(null, null), () -> Autograd.backward(Tensor.zeros(2), null),
                () -> Autograd.backward(root, Tensor.zeros(2)), () -> Autograd.backward(root, Tensor.of(new int[6], 2, 3)),
                () -> Autograd.backwardOnce(null, null), () -> Autograd.backwardOnce(root, Tensor.zeros(3)), root::backward);
        try (var _ = Scope.open(OtherDevice.of("elsewhere"))) {
            Tensor seed = Tensor.zeros(2, 3);
            refused("backward", () -> Autograd.backward(root, seed));
        }
        refused("autograd", () -> Autograd.apply(null, root));
        refused("neg", () -> Autograd.apply(new ElementwiseUnary(Unary.NEGATE), (Tensor[]) null));
        refused("logits", () -> new FactoredLogits(null, root), () -> new FactoredLogits(root, null), () -> new FactoredLogits(root, Tensor
                .zeros(4, 2)),
                () -> new FactoredLogits(root, Tensor.of(new int[6], 2, 3)), () -> new FactoredLogits(Tensor.scalar(1, DType.F32), root),
                () -> new FactoredLogits(Tensor.zeros(0, 3), root));
    }

    @Test
    void layersAreMadeOfWhatFits() {
        Tensor matrix = Tensor.zeros(4, 3);
        refused("parameter", () -> new Parameter(null), () -> new Parameter(matrix.transpose(0, 1)), () -> new Parameter(Tensor.of(new int[2])),
                () -> new Parameter(matrix).setGradientType(null), () -> new Parameter(matrix).setGradientType(DType.BF16),
                () -> new Linear(Tensor.of(new int[4], 2, 2), null));
        refused("linear", () -> new Linear(Tensor.zeros(4), null), () -> new Linear(matrix, Tensor.zeros(3)), () -> new Linear(matrix, matrix));
        BlockMatrix blocks = BlockMatrix.quantize(Tensor.zeros(4, 32)).orElseThrow();
        refused("linear", () -> new Linear((BlockMatrix) null, null), () -> new Linear(blocks, Tensor.zeros(3)), () -> new Linear(blocks, matrix));
        refused("layer", () -> new Linear((Tensor) null, null), () -> new Embedding(null), () -> new RmsNorm(null, 1),
                () -> new LayerNorm(Tensor.zeros(4), null, 1));
        Tensor narrow = Tensor.zeros(2, 3);
        Tensor back = Tensor.zeros(4, 2);
        refused("low-rank update", () -> new LowRankUpdate(null, back, 1), () -> new LowRankUpdate(narrow, null, 1),
                () -> new LowRankUpdate(back, narrow, 1), () -> new LowRankUpdate(Tensor.zeros(2), back, 1),
                () -> new LowRankUpdate(narrow, Tensor.zeros(4, 2, 1), 1), () -> new LowRankUpdate(narrow, back, NAN),
                () -> new LowRankUpdate(Tensor.zeros(0, 3), Tensor.zeros(4, 0), 1), () -> new LowRankUpdate(Tensor.of(new int[6], 2, 3), back, 1));
        refused("linear", () -> new Linear(matrix, null, null), () -> new Linear(Tensor.zeros(3, 4), null, new LowRankUpdate(narrow, back, 1)),
                () -> new Linear(matrix, null).mergedWeight(null));
        refused("embedding", () -> new Embedding(Tensor.zeros(4)));
        for (double epsilon : new double[] {0, -1e-5, NAN, Double.POSITIVE_INFINITY, 1e300, 1e-60}) {
            refused("norm", () -> new RmsNorm(Tensor.ones(4), epsilon), () -> new LayerNorm(Tensor.ones(4), Tensor.ones(4), epsilon),
                    () -> LayerNorm.aroundOne(Tensor.ones(4), Tensor.ones(4), epsilon), () -> LayerNorm.withoutParameters(4, epsilon));
        }
        refused("norm", () -> new RmsNorm(matrix, 1), () -> new LayerNorm(Tensor.ones(4), Tensor.ones(3), 1), () -> new RmsNorm(Tensor.ones(4), 1)
                .forward(null));
        Linear map = new Linear(matrix, null);
        refused("swiglu", () -> new SwiGlu(map, map, map), () -> new SwiGlu(map, new Linear(Tensor.zeros(5, 3), null), new Linear(Tensor.zeros(3,
                4), null)));
        refused("layer", () -> new SwiGlu(null, map, map));
        refused("norm", () -> LayerNorm.aroundOne(Tensor.ones(4), Tensor.ones(3), 1), () -> LayerNorm.withoutParameters(4, 1).weight(),
                () -> LayerNorm.withoutParameters(4, 1).bias());
        refused("feed-forward", () -> new GatedFeedForward(Activation.GELU, map, map, map), () -> new GatedFeedForward(null, map, map, map),
                () -> new PlainFeedForward(Activation.GELU, "up", map, "down", map), () -> new PlainFeedForward(null, "up", map, "down", map),
                () -> new PlainFeedForward(Activation.GELU, null, map, "down", map),
                () -> new PlainFeedForward(Activation.GELU, "up", map, null, map));
        var feedForward = new PlainFeedForward(Activation.GELU, "up", map, "down", new Linear(Tensor.zeros(3, 4), null));
        refused("feed-forward", () -> feedForward.project(null), () -> feedForward.project(List.of()),
                () -> feedForward.project(List.of(matrix, matrix)));
        refused("layer", () -> new GatedFeedForward(Activation.GELU, null, map, map),
                () -> new PlainFeedForward(Activation.GELU, "up", null, "down", map));
    }

    @Test
    void attentionAndItsPositionsAreOfSizesThatFit() {
        Linear square = new Linear(Tensor.zeros(4, 4), null);
        Linear half = new Linear(Tensor.zeros(2, 4), null);
        refused("attention", () -> new Attention(square, half, half, square, 0, 1, 2), () -> new Attention(square, half, half, square, 2, 0, 2),
                () -> new Attention(square, half, half, square, 2, -1, 2), () -> new Attention(square, half, half, square, 2, 1, -2),
                () -> new Attention(square, square, half, square, 2, 1, 2), () -> new Attention(square, half, half, half, 3, 1, 2),
                () -> new Attention(square, half, half, null, 2, 1, 2), () -> new Attention(null, half, half, square, 2, 1, 2));
        var layer = new Attention(square, half, half, square, 2, 1, 2);
        try (var rotary = new RotaryEmbedding(2, 10_000, new RopeScaling.None(), 8)) {
            refused("attention", () -> layer.forward(null, rotary.angles(0, 1), null), () -> layer.forward(Tensor.zeros(1, 1, 4), null, null),
                    () -> layer.next(Tensor.zeros(1, 1, 4), rotary.angles(0, 1), null), () -> layer.next(Tensor.zeros(2, 1, 4), rotary.angles(0,
                            1), List.of()));
            refused("rotary embedding", () -> rotary.angles(-1, 1), () -> rotary.angles(0, -1), () -> rotary.angles(0, 9), () -> rotary.angles(0,
                    2, 1),
                    () -> rotary.angles(Long.MAX_VALUE, 2), () -> rotary.angles(Long.MAX_VALUE, 2, 3));
        }
        refused("rotary embedding", () -> new RotaryEmbedding(3, 1, new RopeScaling.None(), 8), () -> new RotaryEmbedding(0, 1, new RopeScaling
                .None(), 8),
                () -> new RotaryEmbedding(2, 0, new RopeScaling.None(), 8), () -> new RotaryEmbedding(2, NAN, new RopeScaling.None(), 8),
                () -> new RotaryEmbedding(2, 1, null, 8));
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -0.5})
    void optimizersTakeFiniteRates(double number) {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>(Map.of("w", new Parameter(Tensor.ones(2).requireGradient())));
        try (var optimizer = new AdamW(parameters, AdamW.Settings.DEFAULT, AdamW.Decay.ALL)) {
            refused("adamw", () -> optimizer.step(number, 1), () -> optimizer.restore(-1, optimizer.moments()), () -> optimizer.restore(1, null),
                    () -> optimizer.clearMoments(-1), () -> optimizer.setStepCount(-1));
            if (!Double.isFinite(number)) {
                refused("adamw", () -> optimizer.step(1, number));
            }
            assertThat(optimizer.stepCount()).isZero();
        }
        refusedAsArgument("adamw", () -> new AdamW.Settings(number, 0.9, 1e-8, 0), () -> new AdamW.Settings(0.9, number, 1e-8, 0),
                () -> new AdamW.Settings(0.9, 0.9, number, 0), () -> new AdamW.Settings(0.9, 0.9, 1e-8, number));
    }

    @Test
    void optimizersNeedTheirParts() {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>(Map.of("w", new Parameter(Tensor.ones(2).requireGradient())));
        refused("adamw", () -> new AdamW(null, AdamW.Settings.DEFAULT, AdamW.Decay.ALL), () -> new AdamW(parameters, null, AdamW.Decay.ALL),
                () -> new AdamW(parameters, AdamW.Settings.DEFAULT, null), () -> new AdamW(parameters, AdamW.Settings.DEFAULT, AdamW.Decay.ALL, null),
                () -> new AdamW(new LinkedHashMap<>(), AdamW.Settings.DEFAULT, AdamW.Decay.ALL));
        var half = new AdamW.Part("w", parameters.get("w"), Shape.of(2, 2), 0);
        refused("adamw", () -> new AdamW.Part(null, half.parameter(), half.whole(), 0), () -> new AdamW.Part("w", null, half.whole(), 0),
                () -> new AdamW.Part("w", half.parameter(), null, 0), () -> new AdamW.Part("w", half.parameter(), half.whole(), 2),
                () -> new AdamW.Part("w", half.parameter(), Shape.of(1), 0), () -> new AdamW.Part("w", half.parameter(), half.whole(), -256),
                () -> AdamW.ofParts(null, AdamW.Settings.DEFAULT, AdamW.Storage.PLAIN), () -> AdamW.ofParts(List.of(half), null, AdamW.Storage.PLAIN),
                () -> AdamW.ofParts(List.of(half), AdamW.Settings.DEFAULT, null), () -> AdamW.ofParts(List.of(half, half), AdamW.Settings.DEFAULT,
                        AdamW.Storage.PLAIN));
        refused("parameter", () -> half.parameter().adoptGradient(null), () -> new Parameter(Tensor.ones(2)).adoptGradient(Tensor.ones(2)));
        refused("setGradient", () -> half.parameter().adoptGradient(Tensor.ones(3)));
        refused("gradient clipping", () -> GradientClipping.globalNorm(null, 1));
        Stream.of(0.0, -1.0, NAN).forEach(limit -> refusedAsArgument("gradient clipping", () -> GradientClipping.globalNorm(List.of(), limit),
                () -> GradientClipping.ofSquares(4, limit)));
    }

    @Test
    void matricesOfDoublesLieInTheirArraysAndDoNotOverlapResults() {
        DoubleMatrix matrix = DoubleMatrix.zeros(4, 3);
        refusedAsArgument("linalg", () -> new DoubleMatrix(null, 0, 1, 1, 1), () -> new DoubleMatrix(new double[3], 0, 2, 2, 2),
                () -> new DoubleMatrix(new double[3], -1, 1, 1, 1), () -> DoubleMatrix.zeros(-1, 2), () -> DoubleMatrix.zeros(1 << 20, 1 << 20),
                () -> matrix.block(0, 5, 0, 1), () -> matrix.rows(3, 2), () -> matrix.get(4, 0), () -> matrix.get(0, 3), () -> matrix.get(-1, 0),
                () -> matrix.set(0, -1, 1), () -> matrix.fill(new float[2], 0, 1), () -> matrix.fill(new float[30], 0, 5),
                () -> matrix.fill(new float[30], -1, 1), () -> matrix.fill(null, 0, 1));
        DoubleMatrix square = DoubleMatrix.zeros(4, 4);
        refusedAsArgument("linalg", () -> DoubleProducts.addProduct(2, square, square, DoubleMatrix.zeros(4, 4)),
                () -> DoubleProducts.addProduct(1, matrix, square, square), () -> DoubleProducts.addProduct(1, null, square, square),
                () -> DoubleProducts.addProduct(1, square, DoubleMatrix.zeros(4, 4), square),
                () -> DoubleProducts.addTransposedProduct(1, DoubleMatrix.zeros(4, 4), square, square),
                () -> DoubleProducts.addGram(1, square, square), () -> DoubleProducts.addGram(1, square.block(0, 2, 0, 2), square.block(1, 3, 1, 3)));
        refusedAsArgument("cholesky", () -> Cholesky.of(matrix, 1), () -> Cholesky.of(square, 1, matrix), () -> Cholesky.of(null, 1),
                () -> Cholesky.of(square, 1, square), () -> Cholesky.of(square, 1).solve(DoubleMatrix.zeros(3, 1)),
                () -> Cholesky.of(square, 1).solve(null));
        assertThatThrownBy(() -> Cholesky.of(square, NAN)).isInstanceOf(NotPositiveDefiniteException.class).hasMessageStartingWith("[cholesky] ");
    }

    @Test
    void blocksOfOneMatrixThatDoNotOverlapAreTaken() {
        DoubleMatrix whole = DoubleMatrix.zeros(4, 4);
        whole.set(0, 0, 2);
        whole.set(1, 1, 3);
        DoubleProducts.addGram(1, whole.block(0, 2, 0, 2), whole.block(0, 2, 2, 4));
        assertThat(whole.get(0, 2)).isEqualTo(4);
        assertThat(whole.get(1, 3)).isEqualTo(9);
    }
}

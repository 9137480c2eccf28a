package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import kept.backend.AdamWStep;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.LayerNormParameters;
import kept.backend.Reduction;
import kept.backend.TensorMemory;
import kept.backend.Unary;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Writes to views: refused where elements of the target share memory, and right where the target overlaps what is read. */
class SharedWritesTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static void refused(String operation, ThrowingCallable write) {
        assertThatThrownBy(write).as(operation).isInstanceOf(ShapeException.class)
                .hasMessageStartingWith("[" + operation + "] ").hasMessageContaining("share memory");
    }

    @Test
    void anExpandedViewIsNotWritten() {
        Tensor one = Tensor.zeros(1);
        Tensor four = one.expand(4);
        refused("assign", () -> four.assign(Tensor.of(new float[] {1, 2, 3, 4})));
        refused("assign", () -> four.assign(four));
        refused("fill", () -> four.fill(7));
        assertThatThrownBy(() -> four.upload(MemorySegment.ofArray(new float[4]))).isInstanceOf(ShapeException.class);
        refused("assign", () -> Tensor.zeros(3, 1).expand(3, 100_000).assign(Tensor.ones(3, 100_000)));
        refused("assign", () -> Tensor.zeros(3, 1).expand(2, 3, 1).slice(0, 0, 2).transpose(0, 1).assign(Tensor.ones(1)));
        refused("fill", () -> TensorMemory.view(Tensor.zeros(6), Shape.of(3, 3), new long[] {1, 1}, 0).fill(1));
        assertThat(one.item()).isZero();
        assertThatThrownBy(() -> four.fill(1)).hasMessage("[fill] elements of [4] share memory (strides [0]), so that writing one overwrites others; "
                + "write to the tensor that was expanded, or to a copy");
    }

    @Test
    void viewsWithoutRepetitionAreWritten() {
        Tensor x = Tensor.zeros(1, 3);
        x.expand(1, 1, 3).fill(2);
        x.unsqueeze(0).expand(1, 1, 3).slice(2, 0, 3, 2).assign(Tensor.of(new float[] {5, 6}));
        assertThat(x.toFloatArray()).containsExactly(5, 2, 6);
        x.expand(0, 3).fill(9);
        assertThat(x.toFloatArray()).containsExactly(5, 2, 6);
    }

    @Test
    void noKernelWritesRepeatedElements() {
        Tensor x = Tensor.ones(4, 4);
        Tensor row = Tensor.ones(4);
        Tensor shared = Tensor.zeros(1).expand(4);
        Tensor square = Tensor.zeros(1, 4).expand(4, 4);
        Tensor index = Tensor.of(new int[] {0, 1, 2, 3});
        Backend backend = x.backend();
        refused("unary", () -> backend.unary(Unary.EXP, row, shared));
        refused("binary", () -> backend.binary(Binary.ADD, row, row, shared));
        refused("mixedAdd", () -> backend.mixedAdd(row, row, shared));
        refused("clamp", () -> backend.clamp(row, 0, 1, shared));
        refused("where", () -> backend.where(index, row, row, shared));
        refused("reduce", () -> backend.reduce(Reduction.SUM, x, shared));
        refused("argMax", () -> backend.argMax(x, Tensor.of(new long[1]).expand(4)));
        refused("softmax", () -> backend.softmax(false, x, square));
        refused("matmul", () -> backend.matmul(x, x, square, true));
        refused("gather", () -> backend.gather(row, 0, index, shared));
        refused("scatterAdd", () -> backend.scatterAdd(row, 0, index, shared));
        refused("embedding", () -> backend.embedding(x, index, square));
        refused("embeddingGradient", () -> backend.embeddingGradient(x, index, square));
        refused("rmsNorm", () -> backend.rmsNorm(x, row, 1e-5, Tensor.empty(DType.F32, x.shape()), shared));
        var parameters = new LayerNormParameters(row, row, 1e-5);
        refused("layerNorm", () -> backend.layerNorm(x, parameters, Tensor.empty(DType.F32, x.shape()), Tensor.zeros(4), shared));
        refused("swiGlu", () -> backend.swiGlu(x, x, square));
        refused("crossEntropyRows", () -> backend.crossEntropyRows(square, index.cast(DType.I64), 1, Tensor.zeros(4)));
        var step = new AdamWStep(1, 0.1, 0.9, 0.999, 1e-8, 0, 1, AdamWStep.Rounding.NEAREST);
        refused("adamW", () -> backend.adamW(step, shared, row, Tensor.zeros(4), Tensor.zeros(4)));
        refused("adamW", () -> backend.adamW(step, row, row, Tensor.zeros(4), shared));
        Tensor moment = Tensor.zeros(4);
        assertThatThrownBy(() -> backend.adamW(step, row, row, moment, moment)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("two results");
        assertThat(x.toFloatArray()).containsOnly(1);
        assertThat(row.toFloatArray()).containsOnly(1);
    }

    @Test
    void aGradientIsTakenOnlyInMemoryOfItsOwn() {
        Tensor leaf = Tensor.ones(4).requireGradient();
        for (Tensor wrong : List.of(Tensor.zeros(1).expand(4), Tensor.zeros(3), Tensor.zeros(4).cast(DType.BF16), leaf.detach(),
                Tensor.zeros(8).slice(0, 0, 8, 2))) {
            assertThatThrownBy(() -> TensorInternals.setGradient(leaf, wrong)).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[setGradient]");
        }
        assertThat(leaf.gradient()).isNull();
    }

    @Test
    void aShiftWithinOneTensorIsRight() {
        for (int n : new int[] {2, 7, 5000, 300_000}) {
            Tensor x = Tensor.arange(n);
            x.slice(0, 1, n).assign(x.slice(0, 0, n - 1));
            Tensor y = Tensor.arange(n);
            y.slice(0, 0, n - 1).assign(y.slice(0, 1, n));
            float[] right = x.toFloatArray();
            float[] left = y.toFloatArray();
            for (int i = 1; i < n; i++) {
                assertThat(right[i]).as("%d of %d", i, n).isEqualTo(i - 1);
                assertThat(left[i - 1]).isEqualTo(i);
            }
        }
    }

    /** A view of {@code [rows, columns]} in a square of memory, of random place, steps and order of axes. */
    private static Tensor view(Tensor memory, int rows, int columns, Random random) {
        Tensor square = random.nextBoolean() ? memory : memory.transpose(0, 1);
        int step = 1 + random.nextInt(2);
        int width = 1 + random.nextInt(2);
        long top = random.nextInt((int) square.size(0) - rows * step);
        long left = random.nextInt((int) square.size(1) - columns * width);
        return square.slice(0, top, top + (long) rows * step, step).slice(1, left, left + (long) columns * width, width);
    }

    private static void checkAgainstCopies(int operands, Random random, BiConsumer<Tensor[], Tensor> write) {
        int rows = 1 + random.nextInt(6);
        int columns = 1 + random.nextInt(6);
        float[] values = new float[400];
        for (int i = 0; i < values.length; i++) {
            values[i] = 1 + i % 89;
        }
        Tensor memory = Tensor.of(values, 20, 20);
        Tensor expected = Tensor.of(values, 20, 20);
        long seed = random.nextLong();
        Tensor[] overlapping = views(memory, rows, columns, operands, new Random(seed));
        Tensor[] separate = views(expected, rows, columns, operands, new Random(seed));
        Tensor[] copies = Arrays.stream(separate).limit(operands).map(Tensor::copy).toArray(Tensor[]::new);
        write.accept(copies, separate[operands]);
        write.accept(Arrays.copyOf(overlapping, operands), overlapping[operands]);
        assertThat(memory.toFloatArray()).isEqualTo(expected.toFloatArray());
    }

    private static Tensor[] views(Tensor memory, int rows, int columns, int operands, Random random) {
        Tensor[] views = new Tensor[operands + 1];
        for (int i = 0; i <= operands; i++) {
            views[i] = view(memory, rows, columns, random);
        }
        return views;
    }

    @Test
    void whatIsReadFromTheMemoryThatIsWrittenIsReadAsItWas() {
        Random random = new Random(5);
        for (int i = 0; i < 1500; i++) {
            try (var _ = Scope.open()) {
                checkAgainstCopies(1, random, (in, out) -> out.assign(in[0]));
                checkAgainstCopies(1, random, (in, out) -> out.assign(in[0].slice(0, 0, 1)));
                checkAgainstCopies(1, random, (in, out) -> out.backend().unary(Unary.SQRT, in[0], out));
                checkAgainstCopies(1, random, (in, out) -> out.backend().clamp(in[0], -0.5, 0.25, out));
                checkAgainstCopies(2, random, (in, out) -> out.backend().binary(Binary.SUBTRACT, in[0], in[1], out));
                checkAgainstCopies(2, random, (in, out) -> out.backend().binary(Binary.SUBTRACT, out, in[0], out));
                checkAgainstCopies(2, random, (in, out) -> out.backend().mixedAdd(in[0], in[1], out));
            }
        }
    }

    @Test
    void productsReductionsAndRowsMayWriteIntoWhatTheyRead() {
        Tensor x = Tensor.normal(1, 0, 33, 33);
        Tensor expected = x.matmul(x);
        x.backend().matmul(x, x, x, false);
        assertThat(x.toFloatArray()).isEqualTo(expected.toFloatArray());
        Tensor y = Tensor.normal(1, 1, 40, 33);
        float[] sums = y.sum(1).toFloatArray();
        Tensor out = y.reshape(40 * 33).slice(0, 20, 60);
        y.backend().reduce(Reduction.SUM, y, out);
        assertThat(out.toFloatArray()).isEqualTo(sums);
        Tensor z = Tensor.normal(1, 2, 41, 33);
        float[] softmax = z.slice(0, 0, 40).softmax(-1).toFloatArray();
        z.backend().softmax(false, z.slice(0, 0, 40), z.slice(0, 1, 41));
        assertThat(z.slice(0, 1, 41).toFloatArray()).isEqualTo(softmax);
        Tensor table = Tensor.normal(1, 3, 6, 5);
        Tensor index = Tensor.of(new int[] {3, 0, 5, 1, 4});
        float[] rows = Tensor.normal(1, 3, 6, 5).gather(0, index.unsqueeze(1).expand(5, 5)).toFloatArray();
        table.backend().embedding(table, index, table.slice(0, 1, 6));
        assertThat(table.slice(0, 1, 6).toFloatArray()).isEqualTo(rows);
    }

    @Test
    void everyWriteIsCounted() {
        Tensor x = Tensor.zeros(4);
        Tensor view = x.slice(0, 1, 3);
        int before = TensorInternals.version(view);
        x.fill(1);
        view.assign(Tensor.ones(2));
        x.upload(MemorySegment.ofArray(new float[4]));
        x.backend().binary(Binary.ADD, x, x, x);
        assertThat(TensorInternals.version(view)).isEqualTo(before + 4);
        x.add(1).sum();
        x.toFloatArray();
        assertThat(TensorInternals.version(x)).isEqualTo(before + 4);
    }
}

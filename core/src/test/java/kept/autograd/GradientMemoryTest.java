package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.UnaryOperator;
import kept.autograd.operation.ElementwiseUnary;
import kept.backend.Unary;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where gradients lie while a backward pass adds to them, with the values that come out if none is written that another use still reads. */
class GradientMemoryTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Tensor leaf(float... values) {
        return Tensor.of(values).requireGradient();
    }

    /** The sum hands one gradient to both its operands; what the product, recorded before it, adds to one must not reach the other. */
    @Test
    void aGradientThatTwoNodesShareIsNotAddedToInPlace() {
        Tensor x = leaf(1, 2);
        Tensor y = leaf(3, 4);
        Tensor a = x.mul(2);
        Tensor b = y.mul(3);
        Tensor product = a.mul(5);
        Tensor sum = a.add(b);
        // Multiplied once more, so that the gradient they share is the pass's own and might be written.
        Autograd.backward(sum.add(product).mul(1), Tensor.of(new float[] {1, 10}));
        assertThat(x.gradient().toFloatArray()).containsExactly(12, 120);
        assertThat(y.gradient().toFloatArray()).containsExactly(3, 30);
    }

    @Test
    void aMatrixProductDoesNotAddToAGradientThatTwoNodesShare() {
        Tensor x = Tensor.ones(2, 2).requireGradient();
        Tensor y = Tensor.ones(2, 2).requireGradient();
        Tensor a = x.mul(2);
        Tensor b = y.mul(3);
        Tensor product = a.matmul(Tensor.full(4, DType.F32, a.shape()));
        Tensor sum = a.add(b);
        sum.add(product).mul(1).mul(Tensor.ones(2, 2)).sum().backward();
        assertThat(x.gradient().toFloatArray()).containsOnly(2 * (1 + 8));
        assertThat(y.gradient().toFloatArray()).containsOnly(3);
    }

    @Test
    void theSeedOfTheCallerStaysAsItIs() {
        Tensor x = leaf(1, 2);
        Tensor a = x.mul(2);
        Tensor product = a.mul(5);
        Tensor seed = Tensor.of(new float[] {1, 10});
        Autograd.backward(a.sub(product), seed);
        assertThat(seed.toFloatArray()).containsExactly(1, 10);
        assertThat(x.gradient().toFloatArray()).containsExactly(-8, -80);
        Autograd.backward(x.mul(2).add(product), seed);
        assertThat(seed.toFloatArray()).containsExactly(1, 10);
    }

    /** Of a sum every element has the same gradient, in one place; what is added to it afterwards differs. */
    @Test
    void aGradientOfRepeatedElementsIsNotAddedToInPlace() {
        Tensor x = leaf(1, 2, 4);
        Tensor a = x.mul(1);
        Tensor weighted = a.mul(Tensor.of(new float[] {1, 10, 100})).sum();
        Tensor twice = a.sum().mul(2);
        twice.add(weighted).backward();
        assertThat(x.gradient().toFloatArray()).containsExactly(3, 12, 102);
    }

    /** Two views of one gradient wait for two nodes; the transposed one is added to afterwards. */
    @Test
    void viewsOfOneGradientAreOneMemory() {
        Tensor x = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2).requireGradient();
        Tensor y = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2).requireGradient();
        Tensor a = x.mul(1);
        Tensor b = y.mul(1);
        Tensor product = a.mul(1000);
        Tensor sum = b.add(a.transpose(0, 1));
        Autograd.backward(sum.add(product).mul(1), Tensor.of(new float[] {1, 2, 3, 4}, 2, 2));
        assertThat(x.gradient().toFloatArray()).containsExactly(1001, 2003, 3002, 4004);
        assertThat(y.gradient().toFloatArray()).containsExactly(1, 2, 3, 4);
    }

    @Test
    void aRootThatIsAViewIsStillThereAfterBackwardOnce() {
        Tensor x = Tensor.of(new float[] {0, 1, 2, 3, 4, 5}, 2, 3).requireGradient();
        Tensor squares = x.mul(x);
        Tensor root = squares.transpose(0, 1).reshape(3, 2).slice(0, 1, 3);
        Autograd.backwardOnce(root, Tensor.of(new float[] {1, 10, 100, 1000}, 2, 2));
        assertThat(x.gradient().toFloatArray()).containsExactly(0, 2, 400, 0, 80, 10_000);
        assertThat(root.toFloatArray()).containsExactly(1, 16, 4, 25);
        assertThat(squares.toFloatArray()).as("the memory that the root views").containsExactly(0, 1, 4, 9, 16, 25);
    }

    @Test
    void backwardOnceFreesWhatLiesBelowARootThatIsAViewAndNoLeaf() {
        Tensor x = Tensor.ones(64, 64).requireGradient();
        Tensor view = x.reshape(4096);
        Tensor below = view.mul(3);
        Tensor above = below.exp();
        Tensor root = above.reshape(64, 64);
        Autograd.backwardOnce(root, Tensor.ones(64, 64));
        assertThat(below.isReleased()).isTrue();
        assertThat(view.isReleased()).isFalse();
        assertThat(x.toFloatArray()).containsOnly(1);
        assertThat(root.isReleased()).isFalse();
        assertThat(x.gradient().toFloatArray()).containsOnly(root.toFloatArray()[0] * 3);
    }

    /** Along the first axis softmax works on exchanged axes, and its operand's gradient is a view with the axes exchanged back. */
    @Test
    void aFirstGradientThatIsNotDenseBecomesDense() {
        for (DType type : new DType[] {DType.F32, DType.BF16}) {
            Tensor x = Tensor.of(new float[] {0, 1, 2, 0, 1, -1}, 2, 3).requireGradient(type);
            Tensor seed = Tensor.of(new float[] {1, 0, 0, 0, 2, 4}, 2, 3);
            Autograd.backward(x.softmax(0), seed);
            double[] expected = new double[6];
            for (int column = 0; column < 3; column++) {
                double top = 1 / (1 + Math.exp(new double[] {0, 1, -1}[column] - new double[] {0, 1, 2}[column]));
                double difference = new double[] {1, -2, -4}[column];
                expected[column] = top * (1 - top) * difference;
                expected[3 + column] = -expected[column];
            }
            check(x, 1, expected);
            Autograd.backward(x.softmax(0), seed);
            check(x, 2, expected);
            x.zeroGradient();
            assertThat(x.gradient().cast(DType.F32).toFloatArray()).containsOnly(0);
        }
    }

    private static void check(Tensor leaf, int passes, double... expected) {
        Tensor gradient = leaf.gradient();
        assertThat(gradient.isContiguous()).isTrue();
        assertThat(gradient.strides()).containsExactly(3, 1);
        assertThat(gradient.dtype()).isEqualTo(leaf.gradientType());
        float[] seen = gradient.cast(DType.F32).toFloatArray();
        double tolerance = gradient.dtype() == DType.F32 ? 1e-6 : 1e-2;
        for (int i = 0; i < seen.length; i++) {
            assertThat((double) seen[i]).as("element %d", i).isBetween(passes * expected[i] - tolerance, passes * expected[i] + tolerance);
        }
    }

    /** The gradient of a sum is one element for all; a leaf has one of its own for each. */
    @Test
    void aFirstGradientOfRepeatedElementsBecomesDense() {
        Tensor x = leaf(1, 2, 3);
        x.sum().backward();
        assertThat(x.gradient().isContiguous()).isTrue();
        x.slice(0, 1, 2).sum().backward();
        assertThat(x.gradient().toFloatArray()).containsExactly(1, 2, 1);
    }

    /** One fresh gradient for two leaves: each has a memory of its own, or the second pass would add to both. */
    @Test
    void twoLeavesDoNotShareTheirFirstGradient() {
        Tensor x = leaf(1, 2);
        Tensor y = leaf(3, 4);
        x.add(y).sum().backward();
        x.sum().backward();
        assertThat(x.gradient().toFloatArray()).containsExactly(2, 2);
        assertThat(y.gradient().toFloatArray()).containsExactly(1, 1);
    }

    /** The bytes that a backward pass takes at most, beyond what there was, in tensors of x's size. */
    private double peak(UnaryOperator<Tensor> function, Tensor x) {
        Tensor result = function.apply(x);
        Tensor seed = Tensor.ones(result.shape().toArray());
        long before = scope.device().memoryUsage().inUse();
        scope.device().backend().resetPeakMemory();
        Autograd.backward(result, seed);
        long peak = scope.device().memoryUsage().peakInUse() - before;
        x.clearGradient();
        return (double) peak / (x.elementCount() * Float.BYTES);
    }

    @Test
    void derivativesOfOneOperandAreWrittenOverTheGradientThatIsTheirs() {
        Tensor x = Tensor.ones(64, 1024).requireGradient();
        assertThat(peak(in -> in.exp().neg().exp().neg().exp(), x)).isLessThan(1.1);
        assertThat(peak(in -> in.sqrt().log().sqrt().log(), x)).isLessThan(1.1);
        assertThat(peak(in -> in.relu().relu(), x)).as("with the comparison and the gradient").isLessThan(2.1);
    }

    @Test
    void theGatedUnitsGradientIsWrittenOverTheOneThatIsIts() {
        Tensor x = Tensor.ones(64, 1024).requireGradient();
        Tensor up = Tensor.ones(64, 1024);
        assertThat(peak(in -> Functional.swiGlu(in, up).neg(), x)).as("dGate and dUp").isLessThan(2.1);
    }

    @Test
    void aGradientInPlaceHasTheBitsOfAFreshOne() {
        Tensor seed = Tensor.normal(1, 0, 13, 19);
        Tensor x = Tensor.normal(1, 1, 13, 19).abs().add(0.1).detach().requireGradient();
        for (Unary f : Unary.values()) {
            assertSameBits(f.label(), in -> Autograd.apply(new ElementwiseUnary(f), in), x, seed);
        }
        Tensor up = Tensor.normal(1, 2, 13, 19);
        assertSameBits("gate", in -> Functional.swiGlu(in, up), x, seed);
        assertSameBits("up", in -> Functional.swiGlu(up, in), x, seed);
    }

    private static void assertSameBits(String what, UnaryOperator<Tensor> function, Tensor x, Tensor seed) {
        Autograd.backward(function.apply(x), seed);
        float[] fresh = x.gradient().toFloatArray();
        x.clearGradient();
        // The product with 1 hands on a gradient that is the pass's own.
        Autograd.backward(function.apply(x).mul(1), seed);
        assertThat(x.gradient().toFloatArray()).as(what).isEqualTo(fresh);
        x.clearGradient();
    }
}

package kept.bench;

import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Operations on small tensors, whose time is that of everything around a kernel, and the training step of the README's example. */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class SmallTensorBenchmark {
    private static final int STEPS = 200;

    /** Elements of the operand. */
    @Param("64")
    public int size;

    private Scope operands;
    private Tensor x;

    /** Makes the operand. */
    @Setup(Level.Trial)
    public void open() {
        operands = Scope.open();
        x = Tensor.normal(1, 0, size);
    }

    /** Frees the operand. */
    @TearDown(Level.Trial)
    public void close() {
        operands.close();
    }

    /**
     * Sets all elements.
     *
     * @return the tensor
     */
    @Benchmark
    public Tensor fill() {
        return x.fill(0.5);
    }

    /**
     * Multiplies by a number.
     *
     * @return the element count of the result
     */
    @Benchmark
    public long scale() {
        return inScope(() -> x.mul(0.5));
    }

    /**
     * Multiplies by a tensor.
     *
     * @return the element count of the result
     */
    @Benchmark
    public long product() {
        return inScope(() -> x.mul(x));
    }

    /**
     * Squares.
     *
     * @return the element count of the result
     */
    @Benchmark
    public long square() {
        return inScope(() -> x.square());
    }

    /**
     * Limits to a range.
     *
     * @return the element count of the result
     */
    @Benchmark
    public long clamp() {
        return inScope(() -> x.clamp(-1, 1));
    }

    private static long inScope(Supplier<Tensor> operation) {
        try (var _ = Scope.open()) {
            return operation.get().elementCount();
        }
    }

    /**
     * A step of linear regression by gradient descent, on average over the example's steps.
     *
     * @return the first of the weights that it finds
     */
    @Benchmark
    @OperationsPerInvocation(STEPS)
    public float step() {
        try (var _ = Scope.open()) {
            Tensor features = Tensor.normal(1, 0, 64, 3);
            Tensor targets = features.matmul(Tensor.of(new float[] {2, -1, 0.5f}, 3, 1));
            Tensor weights = Tensor.zeros(3, 1).requireGradient();
            for (int step = 0; step < STEPS; step++) {
                features.matmul(weights).sub(targets).square().mean().backward();
                weights.assign(weights.detach().sub(weights.gradient().mul(0.1)));
                weights.zeroGradient();
            }
            return weights.toFloatArray()[0];
        }
    }
}

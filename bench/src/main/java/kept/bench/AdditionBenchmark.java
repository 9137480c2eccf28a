package kept.bench;

import java.util.concurrent.TimeUnit;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Adds two square f32 matrices into a new tensor. The large size is bound by memory; the small size measures the overhead around a kernel. */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class AdditionBenchmark {
    /** Rows and columns of each matrix. */
    @Param({"32", "1024"})
    public int size;

    private Scope operands;
    private Tensor left;
    private Tensor right;

    /** Makes the operands. */
    @Setup(Level.Trial)
    public void open() {
        operands = Scope.open();
        left = Tensor.normal(1, 0, size, size);
        right = Tensor.normal(1, 1, size, size);
    }

    /** Frees the operands. */
    @TearDown(Level.Trial)
    public void close() {
        operands.close();
    }

    /**
     * Adds once and frees the result.
     *
     * @return the element count of the result
     */
    @Benchmark
    public long sum() {
        try (var _ = Scope.open()) {
            return left.add(right).elementCount();
        }
    }
}

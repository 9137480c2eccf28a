package kept.bench;

import java.util.concurrent.TimeUnit;
import kept.tensor.Scope;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One piece of work, done by this library, by libtorch and by a plain Java loop on one thread, beside a bound of the hardware. JMH runs each alone;
 * {@link Race} runs them in turns. What a subclass marks with {@link org.openjdk.jmh.annotations.Param} are the cases of both.
 */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public abstract class Contest {
    private Scope scope;
    private Libtorch libtorch;
    private Runnable peer;
    private Runnable plain;

    /** For subclasses. */
    protected Contest() {}

    /** Makes the operands of this library's side, in a scope that closes with the contest. */
    abstract void prepare();

    /** Frees what does not lie in that scope. */
    void release() {
        // Most have nothing else.
    }

    /** Does the work once, and frees its results. */
    abstract void run();

    /**
     * Copies the operands to libtorch, if the contest needs any.
     *
     * @param torch makes and, at the end of the contest, frees them
     * @return does the work once, and frees its results
     */
    abstract Runnable preparePeer(Libtorch torch);

    /**
     * Copies the operands to arrays.
     *
     * @return does the work once, as a plain loop
     */
    abstract Runnable preparePlain();

    /** What is done, in the words of the table: the operation. */
    abstract String label();

    /** The sizes, in the words of the table. */
    abstract String sizes();

    /** The bound that the hardware sets. */
    abstract Ceiling ceiling();

    /** What one run must do at least, in the ceiling's unit: floating-point operations, or bytes moved. */
    abstract double work();

    /** Makes the operands. */
    @Setup(Level.Trial)
    public final void open() {
        scope = Scope.open();
        prepare();
    }

    /** Frees the operands of all sides. */
    @TearDown(Level.Trial)
    public final void close() {
        peer = null;
        plain = null;
        if (libtorch != null) {
            libtorch.close();
            libtorch = null;
        }
        release();
        scope.close();
    }

    /** This library. */
    @Benchmark
    public final void ours() {
        run();
    }

    /** Does the work once by libtorch, whose operands are made at the first call. */
    @Benchmark
    public final void peer() {
        if (libtorch == null) {
            libtorch = Libtorch.open();
            peer = preparePeer(libtorch);
        }
        peer.run();
    }

    /** Does the work once by a plain loop, whose operands are made at the first call. */
    @Benchmark
    public final void plain() {
        if (plain == null) {
            plain = preparePlain();
        }
        plain.run();
    }
}

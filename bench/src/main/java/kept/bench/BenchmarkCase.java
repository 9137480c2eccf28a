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
 * One piece of work with three implementations: this library, libtorch (the peer) and a plain Java loop on one thread. Each is compared with a bound
 * of the hardware. JMH runs one implementation at a time; {@link InterleavedRunner} interleaves them. Both take the sizes from the fields that a
 * subclass marks with {@link org.openjdk.jmh.annotations.Param}.
 */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public abstract class BenchmarkCase {
    private Scope scope;
    private Libtorch libtorch;
    private Runnable peer;
    private Runnable plain;

    /** For subclasses. */
    protected BenchmarkCase() {}

    /** Creates this library's operands in the scope that {@link #close} closes. */
    abstract void prepare();

    /** Frees resources outside that scope. */
    void release() {
        // Most cases have no such resources.
    }

    /** Runs this library's implementation once and frees its results. */
    abstract void run();

    /**
     * Copies the operands to libtorch.
     *
     * @param torch creates the arrays; {@link #close} closes it
     * @return runs libtorch's implementation once and frees its results
     */
    abstract Runnable preparePeer(Libtorch torch);

    /**
     * Copies the operands to Java arrays.
     *
     * @return runs the plain loop once
     */
    abstract Runnable preparePlain();

    /** Name of the operation in the table. */
    abstract String label();

    /** Sizes of the operands in the table. */
    abstract String sizes();

    /** The roofline bound that limits this case. */
    abstract HardwareBound bound();

    /** Minimum work of one run: floating-point operations or bytes moved, as the bound counts. */
    abstract double work();

    /** Creates this library's operands. */
    @Setup(Level.Trial)
    public final void open() {
        scope = Scope.open();
        prepare();
    }

    /** Frees the operands of all implementations. */
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

    /** Runs this library's implementation once. */
    @Benchmark
    public final void ours() {
        run();
    }

    /** Runs libtorch's implementation once; the first call copies the operands. */
    @Benchmark
    public final void peer() {
        if (libtorch == null) {
            libtorch = Libtorch.open();
            peer = preparePeer(libtorch);
        }
        peer.run();
    }

    /** Runs the plain loop once; the first call copies the operands. */
    @Benchmark
    public final void plain() {
        if (plain == null) {
            plain = preparePlain();
        }
        plain.run();
    }
}

package kept.bench;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
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
 * One piece of work with several implementations: this library, its {@linkplain Peer peers} and a plain Java loop on one thread. Each is compared
 * with a bound of the hardware. JMH runs one implementation at a time; {@link InterleavedRunner} interleaves them. Both take the sizes from the
 * fields that a subclass marks with {@link org.openjdk.jmh.annotations.Param}.
 */
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public abstract class BenchmarkCase {
    private final Map<Peer, Runnable> prepared = new EnumMap<>(Peer.class);
    private Scope scope;
    private Libtorch libtorch;
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

    /** The peers besides libtorch that run this case. Each supplier prepares the operands and returns what runs the peer's implementation once. */
    Map<Peer, Supplier<Runnable>> otherPeers() {
        return Map.of();
    }

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

    /** The peers that run this case. */
    final Set<Peer> peers() {
        Set<Peer> peers = EnumSet.of(Peer.LIBTORCH);
        peers.addAll(otherPeers().keySet());
        return peers;
    }

    /** Runs a peer's implementation once; the first call prepares its operands. */
    final void run(Peer peer) {
        prepared.computeIfAbsent(peer, this::prepare).run();
    }

    private Runnable prepare(Peer peer) {
        if (peer != Peer.LIBTORCH) {
            return otherPeers().get(peer).get();
        }
        libtorch = Libtorch.open();
        return preparePeer(libtorch);
    }

    /** Creates this library's operands. */
    @Setup(Level.Trial)
    public final void open() {
        scope = Scope.open();
        prepare();
    }

    /** Frees the operands of all implementations. */
    @TearDown(Level.Trial)
    public final void close() {
        prepared.clear();
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
        run(Peer.LIBTORCH);
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

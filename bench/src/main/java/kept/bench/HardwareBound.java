package kept.bench;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** A bound of the roofline (peak arithmetic throughput or memory bandwidth), measured on all threads. */
enum HardwareBound {
    /** Peak rate of f32 fused multiply-adds on registers. */
    MULTIPLY_ADD("multiply-add peak", "GFLOP/s"),
    /** Peak rate of f64 fused multiply-adds on registers. */
    DOUBLE_MULTIPLY_ADD("f64 multiply-add peak", "GFLOP/s"),
    /**
     * Bandwidth of a vector copy of memory larger than the cache. Bytes read and bytes written count; the write-allocate reads of the processor do
     * not. {@link MemorySegment#copy} can be faster on long runs because it uses non-temporal stores, which Java code cannot issue.
     */
    COPY("copy bandwidth", "GB/s"),
    /** Bandwidth of an in-place update of memory larger than the cache: bytes read and bytes written. It has no write-allocate reads. */
    UPDATE("update bandwidth", "GB/s"),
    /** Bandwidth of reading memory larger than the cache. */
    READ("read bandwidth", "GB/s");

    /** Bytes of one operand of the bandwidth benchmarks. */
    private static final long BYTES = 1L << 27;

    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** Multiple of the bytes of each thread, for whole pages. */
    private static final long PAGE = 4096;

    private static final int CHAINS = 14;
    private static final int STEPS = 10_000;
    /** Warm-up before the first measurement, long enough for the loops to be compiled. */
    private static final long WARM_UP_NANOS = 1_500_000_000L;

    /** Addresses of this library's own memory, as its kernels have it: aligned to cache lines, in huge pages where there are some. */
    private static long source;

    private static long target;
    /** Receives results so that the compiler cannot remove the arithmetic. */
    private static volatile float result;

    private final String label;
    private final String unit;
    private boolean compiled;

    HardwareBound(String label, String unit) {
        this.label = label;
        this.unit = unit;
    }

    /** Name of the bound in the table. */
    String label() {
        return label;
    }

    /** Unit of the rate: GFLOP/s or GB/s. */
    String unit() {
        return unit;
    }

    /**
     * Measures the bound.
     *
     * @param nanos approximate duration in nanoseconds
     * @return rate of all threads together, in {@link #unit()}
     */
    double measure(long nanos) {
        if (this != MULTIPLY_ADD && this != DOUBLE_MULTIPLY_ADD && source == 0) {
            source = allocate();
            target = allocate();
        }
        if (!compiled) {
            compiled = true;
            measure(WARM_UP_NANOS);
        }
        long share = BYTES / Threads.count() & -PAGE;
        return Threads.sum(thread -> switch (this) {
            case MULTIPLY_ADD -> rate(nanos, 4.0 * CHAINS * SPECIES.length() * STEPS, HardwareBound::multiplyAdd);
            case DOUBLE_MULTIPLY_ADD -> rate(nanos, 4.0 * CHAINS * DOUBLES.length() * STEPS, HardwareBound::multiplyAddDoubles);
            case COPY -> rate(nanos, 2.0 * share, () -> copy(thread * share, (thread + 1) * share));
            case UPDATE -> rate(nanos, 2.0 * share, () -> update(thread * share, (thread + 1) * share));
            case READ -> rate(nanos, share, () -> read(thread * share, (thread + 1) * share));
        });
    }

    /** Returns the address of ones that are never freed. */
    private static long allocate() {
        Tensor ones = Scope.detached(Device.cpu()).run(() -> Tensor.ones(BYTES / DType.F32.bytes()));
        return TensorMemory.buffer(ones).hostMemory().orElseThrow().address();
    }

    /** A view whose class the JIT knows; each loop creates its own. */
    @SuppressWarnings("restricted")
    private static MemorySegment memory(long address) {
        return MemorySegment.ofAddress(address).reinterpret(BYTES);
    }

    /** Repeats a task for the given time and returns the work done per nanosecond. */
    private static double rate(long nanos, double work, Runnable task) {
        long start = System.nanoTime();
        int runs = 0;
        long elapsed;
        do {
            task.run();
            runs++;
            elapsed = System.nanoTime() - start;
        } while (elapsed < nanos);
        return work * runs / elapsed;
    }

    /**
     * Runs fourteen independent FMA chains. Two FMA units with a latency of four cycles need eight, and sixteen vector registers hold no more than
     * fourteen beside the factor. Each step has two FMAs per chain so that the method exceeds the inlining limit of 325 bytecodes: inlined into the
     * loop of {@link #rate} it runs at half the speed.
     */
    private static void multiplyAdd() {
        FloatVector factor = FloatVector.broadcast(SPECIES, 0.999f);
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a.add(1);
        FloatVector c = a.add(2);
        FloatVector d = a.add(3);
        FloatVector e = a.add(4);
        FloatVector f = a.add(5);
        FloatVector g = a.add(6);
        FloatVector h = a.add(7);
        FloatVector i = a.add(8);
        FloatVector j = a.add(9);
        FloatVector k = a.add(10);
        FloatVector l = a.add(11);
        FloatVector m = a.add(12);
        FloatVector n = a.add(13);
        for (int step = 0; step < STEPS; step++) {
            a = a.fma(factor, factor).fma(factor, factor);
            b = b.fma(factor, factor).fma(factor, factor);
            c = c.fma(factor, factor).fma(factor, factor);
            d = d.fma(factor, factor).fma(factor, factor);
            e = e.fma(factor, factor).fma(factor, factor);
            f = f.fma(factor, factor).fma(factor, factor);
            g = g.fma(factor, factor).fma(factor, factor);
            h = h.fma(factor, factor).fma(factor, factor);
            i = i.fma(factor, factor).fma(factor, factor);
            j = j.fma(factor, factor).fma(factor, factor);
            k = k.fma(factor, factor).fma(factor, factor);
            l = l.fma(factor, factor).fma(factor, factor);
            m = m.fma(factor, factor).fma(factor, factor);
            n = n.fma(factor, factor).fma(factor, factor);
        }
        result = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l).add(m).add(n).lane(0);
    }

    /** The f64 form of {@link #multiplyAdd}. The two do not share code because vectors passed to a method would be allocated on the heap. */
    private static void multiplyAddDoubles() {
        DoubleVector factor = DoubleVector.broadcast(DOUBLES, 0.999);
        DoubleVector a = DoubleVector.zero(DOUBLES);
        DoubleVector b = a.add(1);
        DoubleVector c = a.add(2);
        DoubleVector d = a.add(3);
        DoubleVector e = a.add(4);
        DoubleVector f = a.add(5);
        DoubleVector g = a.add(6);
        DoubleVector h = a.add(7);
        DoubleVector i = a.add(8);
        DoubleVector j = a.add(9);
        DoubleVector k = a.add(10);
        DoubleVector l = a.add(11);
        DoubleVector m = a.add(12);
        DoubleVector n = a.add(13);
        for (int step = 0; step < STEPS; step++) {
            a = a.fma(factor, factor).fma(factor, factor);
            b = b.fma(factor, factor).fma(factor, factor);
            c = c.fma(factor, factor).fma(factor, factor);
            d = d.fma(factor, factor).fma(factor, factor);
            e = e.fma(factor, factor).fma(factor, factor);
            f = f.fma(factor, factor).fma(factor, factor);
            g = g.fma(factor, factor).fma(factor, factor);
            h = h.fma(factor, factor).fma(factor, factor);
            i = i.fma(factor, factor).fma(factor, factor);
            j = j.fma(factor, factor).fma(factor, factor);
            k = k.fma(factor, factor).fma(factor, factor);
            l = l.fma(factor, factor).fma(factor, factor);
            m = m.fma(factor, factor).fma(factor, factor);
            n = n.fma(factor, factor).fma(factor, factor);
        }
        result = (float) a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l).add(m).add(n).lane(0);
    }

    private static void copy(long from, long to) {
        MemorySegment read = memory(source);
        MemorySegment written = memory(target);
        int width = SPECIES.vectorByteSize();
        for (long at = from; at < to; at += 4L * width) {
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, read, at, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, read, at + width, ORDER);
            FloatVector c = FloatVector.fromMemorySegment(SPECIES, read, at + 2 * width, ORDER);
            FloatVector d = FloatVector.fromMemorySegment(SPECIES, read, at + 3 * width, ORDER);
            a.intoMemorySegment(written, at, ORDER);
            b.intoMemorySegment(written, at + width, ORDER);
            c.intoMemorySegment(written, at + 2 * width, ORDER);
            d.intoMemorySegment(written, at + 3 * width, ORDER);
        }
    }

    private static void update(long from, long to) {
        MemorySegment memory = memory(target);
        int width = SPECIES.vectorByteSize();
        for (long at = from; at < to; at += 4L * width) {
            FloatVector.fromMemorySegment(SPECIES, memory, at, ORDER).mul(0.5f).add(1).intoMemorySegment(memory, at, ORDER);
            FloatVector.fromMemorySegment(SPECIES, memory, at + width, ORDER).mul(0.5f).add(1).intoMemorySegment(memory, at + width, ORDER);
            FloatVector.fromMemorySegment(SPECIES, memory, at + 2 * width, ORDER).mul(0.5f).add(1).intoMemorySegment(memory, at + 2 * width, ORDER);
            FloatVector.fromMemorySegment(SPECIES, memory, at + 3 * width, ORDER).mul(0.5f).add(1).intoMemorySegment(memory, at + 3 * width, ORDER);
        }
    }

    /** Sums the elements in four accumulators so that the latency of the additions does not limit the rate. */
    private static void read(long from, long to) {
        MemorySegment memory = memory(source);
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int width = SPECIES.vectorByteSize();
        for (long at = from; at < to; at += 4L * width) {
            a = a.add(FloatVector.fromMemorySegment(SPECIES, memory, at, ORDER));
            b = b.add(FloatVector.fromMemorySegment(SPECIES, memory, at + width, ORDER));
            c = c.add(FloatVector.fromMemorySegment(SPECIES, memory, at + 2 * width, ORDER));
            d = d.add(FloatVector.fromMemorySegment(SPECIES, memory, at + 3 * width, ORDER));
        }
        result = a.add(b).add(c.add(d)).lane(0);
    }
}

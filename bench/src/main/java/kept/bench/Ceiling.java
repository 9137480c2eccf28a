package kept.bench;

import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** A bound that the hardware sets, measured on all threads. */
enum Ceiling {
    /** Fused multiply-adds on registers. */
    MULTIPLY_ADD("multiply-add peak", "GFLOP/s"),
    /** The same in double precision. */
    DOUBLE_MULTIPLY_ADD("f64 multiply-add peak", "GFLOP/s"),
    /**
     * Copying an array beyond the cache, a vector at a time: bytes read and bytes written, without what the processor reads of its own accord before
     * it writes. {@link System#arraycopy} can be faster, for long arrays: it writes past the caches, which no code in Java can ask for.
     */
    COPY("copy bandwidth", "GB/s"),
    /** Changing an array beyond the cache in place: bytes read and bytes written. Here the processor reads nothing of its own accord. */
    UPDATE("update bandwidth", "GB/s"),
    /** Reading an array beyond the cache. */
    READ("read bandwidth", "GB/s");

    /** As many elements as one operand of the benchmarks of bandwidth has. */
    private static final int ELEMENTS = 1 << 25;

    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final int CHAINS = 14;
    private static final int STEPS = 10_000;
    /** What the first measurement gives the compiler. */
    private static final long COMPILATION_NANOS = 1_500_000_000L;

    private static float[] source;
    private static float[] target;
    /** Keeps arithmetic from being optimised away. */
    private static volatile float result;

    private final String label;
    private final String unit;
    private boolean compiled;

    Ceiling(String label, String unit) {
        this.label = label;
        this.unit = unit;
    }

    /** What it is called. */
    String label() {
        return label;
    }

    /** The unit of rates. */
    String unit() {
        return unit;
    }

    /**
     * Measures it.
     *
     * @param nanos for about how long
     * @return billions of operations or bytes a second, of all threads
     */
    double measure(long nanos) {
        if (this != MULTIPLY_ADD && this != DOUBLE_MULTIPLY_ADD && source == null) {
            source = new float[ELEMENTS];
            target = new float[ELEMENTS];
            Arrays.fill(source, 1);
        }
        if (!compiled) {
            compiled = true;
            measure(COMPILATION_NANOS);
        }
        int share = ELEMENTS / Threads.count();
        return Threads.sum(own -> switch (this) {
            case MULTIPLY_ADD -> rate(nanos, 4.0 * CHAINS * SPECIES.length() * STEPS, Ceiling::multiplyAdd);
            case DOUBLE_MULTIPLY_ADD -> rate(nanos, 4.0 * CHAINS * DOUBLES.length() * STEPS, Ceiling::multiplyAddDoubles);
            case COPY -> rate(nanos, 2.0 * Float.BYTES * share, () -> copy(own * share, (own + 1) * share));
            case UPDATE -> rate(nanos, 2.0 * Float.BYTES * share, () -> update(own * share, (own + 1) * share));
            case READ -> rate(nanos, (double) Float.BYTES * share, () -> read(own * share, (own + 1) * share));
        });
    }

    /** Runs some work again and again: how much of it is done in a nanosecond. */
    private static double rate(long nanos, double work, Runnable task) {
        long start = System.nanoTime();
        int runs = 0;
        long taken;
        do {
            task.run();
            runs++;
            taken = System.nanoTime() - start;
        } while (taken < nanos);
        return work * runs / taken;
    }

    /**
     * Fourteen independent chains: more than the eight that two units of a latency of four need, and no more than sixteen registers hold. Each step
     * adds twice, which makes the method too long to be inlined (more than 325 bytes): inlined in the loop of {@link #rate} it loses half its speed.
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

    /** As {@link #multiplyAdd}, which cannot be written once for both: vectors that cross a call live on the heap. */
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

    private static void copy(int from, int to) {
        int width = SPECIES.length();
        for (int i = from; i + 4 * width <= to; i += 4 * width) {
            FloatVector a = FloatVector.fromArray(SPECIES, source, i);
            FloatVector b = FloatVector.fromArray(SPECIES, source, i + width);
            FloatVector c = FloatVector.fromArray(SPECIES, source, i + 2 * width);
            FloatVector d = FloatVector.fromArray(SPECIES, source, i + 3 * width);
            a.intoArray(target, i);
            b.intoArray(target, i + width);
            c.intoArray(target, i + 2 * width);
            d.intoArray(target, i + 3 * width);
        }
    }

    private static void update(int from, int to) {
        for (int i = from; i < to; i++) {
            target[i] = target[i] * 0.5f + 1;
        }
    }

    /** Adds up the elements, four vectors at a time, so that nothing but the memory is waited for. */
    private static void read(int from, int to) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int width = SPECIES.length();
        for (int i = from; i + 4 * width <= to; i += 4 * width) {
            a = a.add(FloatVector.fromArray(SPECIES, source, i));
            b = b.add(FloatVector.fromArray(SPECIES, source, i + width));
            c = c.add(FloatVector.fromArray(SPECIES, source, i + 2 * width));
            d = d.add(FloatVector.fromArray(SPECIES, source, i + 3 * width));
        }
        result = a.add(b).add(c.add(d)).lane(0);
    }
}

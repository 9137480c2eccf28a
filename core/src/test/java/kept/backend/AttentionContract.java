package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The contract of attention, against {@link AttentionReference}. */
public abstract class AttentionContract extends KernelContract {
    /** Sequences as long as blocks are and not quite, more keys than queries, heads that share keys, wide and odd heads. */
    private static final List<AttentionReference.Sizes> CASES = List.of(
            new AttentionReference.Sizes(1, 1, 1, 1, 1, 64),
            new AttentionReference.Sizes(2, 13, 13, 4, 2, 64),
            new AttentionReference.Sizes(1, 64, 64, 1, 1, 128),
            new AttentionReference.Sizes(1, 65, 65, 2, 1, 96),
            new AttentionReference.Sizes(1, 127, 127, 1, 1, 80),
            new AttentionReference.Sizes(1, 130, 130, 2, 1, 64),
            new AttentionReference.Sizes(1, 1, 70, 2, 1, 128),
            new AttentionReference.Sizes(2, 13, 130, 2, 2, 64),
            new AttentionReference.Sizes(1, 70, 193, 1, 1, 128),
            new AttentionReference.Sizes(2, 33, 40, 4, 2, 32),
            new AttentionReference.Sizes(1, 13, 17, 3, 1, 7),
            new AttentionReference.Sizes(1, 37, 37, 1, 1, 129));

    /** Few queries over many keys, as in decoding with a cache: around multiples of the keys that a device may take at once. */
    private static final List<AttentionReference.Sizes> LONG_CACHES = List.of(
            new AttentionReference.Sizes(1, 1, 257, 2, 2, 128),
            new AttentionReference.Sizes(2, 1, 600, 4, 2, 64),
            new AttentionReference.Sizes(1, 1, 1025, 8, 1, 80),
            new AttentionReference.Sizes(1, 3, 513, 4, 1, 96),
            new AttentionReference.Sizes(1, 5, 512, 2, 2, 128),
            new AttentionReference.Sizes(2, 2, 258, 6, 2, 256),
            new AttentionReference.Sizes(1, 1, 1300, 3, 1, 32),
            new AttentionReference.Sizes(1, 16, 300, 2, 1, 40),
            new AttentionReference.Sizes(1, 17, 290, 2, 1, 64),
            new AttentionReference.Sizes(1, 1, 2900, 1, 1, 8),
            new AttentionReference.Sizes(1, 2, 270, 2, 1, 7),
            new AttentionReference.Sizes(1, 1, 300, 1, 1, 300));

    /** For subclasses. */
    protected AttentionContract() {}

    /** The operands and results of one case. */
    private final class Run {
        private final DType dtype;
        private final AttentionReference.Sizes sizes;
        private float scale;
        private final Tensor q;
        private final Tensor k;
        private final Tensor v;
        private final Tensor gradient;
        private final Tensor out;
        private final Tensor logSumExp;
        private final Tensor dq;
        private final Tensor dk;
        private final Tensor dv;

        Run(DType dtype, AttentionReference.Sizes sizes) {
            this(dtype, sizes, normal(dtype, 1, 1, sizes.ofQueries()), normal(dtype, 2, 1, sizes.ofKeys()), normal(dtype, 3, 1, sizes.ofKeys()));
        }

        Run(DType dtype, AttentionReference.Sizes sizes, Tensor q, Tensor k, Tensor v) {
            this.dtype = dtype;
            this.sizes = sizes;
            this.q = q;
            this.k = k;
            this.v = v;
            scale = (float) (1.5 / Math.sqrt(sizes.width()));
            gradient = normal(DType.F32, 4, 1, sizes.ofQueries());
            out = out(dtype, sizes.ofQueries());
            logSumExp = out(DType.F32, sizes.batch(), sizes.heads(), sizes.queries());
            dq = out(DType.F32, sizes.ofQueries());
            dk = out(DType.F32, sizes.ofKeys());
            dv = out(DType.F32, sizes.ofKeys());
        }

        Run forward() {
            backend().attention(new AttentionOperands(q, k, v, scale), out, logSumExp);
            return this;
        }

        Run compute() {
            forward();
            backend().attentionGradient(new AttentionOperands(q, k, v, scale), out, logSumExp, gradient, dq, dk, dv);
            return this;
        }

        /** The largest error is at most twice that of the plain computation, or what is lost where terms of the operands' size cancel. */
        void assertAsGoodAsPlain() {
            var operands = new AttentionReference.Operands(values(q), values(k), values(v), values(gradient), scale);
            AttentionReference exact = AttentionReference.exact(sizes, operands);
            AttentionReference plain = AttentionReference.plain(dtype, sizes, operands);
            double score = Math.abs(scale) * sizes.width() * largest(operands.q()) * largest(operands.k());
            double slope = sizes.width() * largest(operands.gradient()) * largest(operands.v());
            assertAsGoodAsPlain("out", out, exact.out, plain.out, (sizes.keys() + 4) * largest(operands.v()));
            assertAsGoodAsPlain("log-sum-exp", logSumExp, exact.logSumExp, plain.logSumExp, score + sizes.keys());
            assertAsGoodAsPlain("dq", dq, exact.dq, plain.dq, Math.abs(scale) * slope * largest(operands.k()));
            assertAsGoodAsPlain("dk", dk, exact.dk, plain.dk, Math.abs(scale) * slope * largest(operands.q()));
            assertAsGoodAsPlain("dv", dv, exact.dv, plain.dv, (sizes.queries() + 4) * largest(operands.gradient()) * (1 + largest(exact.logSumExp)));
        }

        void assertForwardAsGoodAsPlain() {
            var operands = new AttentionReference.Operands(values(q), values(k), values(v), values(gradient), scale);
            AttentionReference exact = AttentionReference.exact(sizes, operands);
            AttentionReference plain = AttentionReference.plain(dtype, sizes, operands);
            assertAsGoodAsPlain("out", out, exact.out, plain.out, (sizes.keys() + 4) * largest(operands.v()));
            assertAsGoodAsPlain("log-sum-exp", logSumExp, exact.logSumExp, plain.logSumExp,
                    Math.abs(scale) * sizes.width() * largest(operands.q()) * largest(operands.k()) + sizes.keys());
        }

        private void assertAsGoodAsPlain(String what, Tensor actual, double[] exact, double[] plain, double terms) {
            double allowed = 2 * error(plain, exact) + 0x1p-24 * terms;
            assertThat(error(values(actual), exact)).as("%s, %s %s", what, dtype, sizes).isLessThanOrEqualTo(allowed);
        }
    }

    /** The largest difference; infinite where a value is not a number. */
    private static double error(double[] actual, double[] exact) {
        double error = 0;
        for (int i = 0; i < exact.length; i++) {
            double difference = Math.abs(actual[i] - exact[i]);
            error = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(error, difference);
        }
        return error;
    }

    @Test
    void attentionAndItsGradientAreAsGoodAsThePlainComputationInF32() {
        CASES.forEach(sizes -> new Run(DType.F32, sizes).compute().assertAsGoodAsPlain());
    }

    @Test
    void attentionAndItsGradientAreAsGoodAsThePlainComputationInBf16() {
        CASES.forEach(sizes -> new Run(DType.BF16, sizes).compute().assertAsGoodAsPlain());
    }

    @Test
    void attentionAndItsGradientAreAsGoodAsThePlainComputationInF16() {
        CASES.stream().filter(sizes -> sizes.queries() < 64).forEach(sizes -> new Run(DType.F16, sizes).compute().assertAsGoodAsPlain());
    }

    @Test
    void stridesMakeNoDifference() {
        AttentionReference.Sizes sizes = new AttentionReference.Sizes(2, 20, 30, 4, 2, 64);
        for (DType dtype : FLOATING) {
            Run dense = new Run(dtype, sizes).compute();
            // [batch, heads, tokens, D] in memory, and a slice of a wider tensor
            Tensor q = Tensor.empty(dtype, Shape.of(2, 4, 20, 64)).transpose(1, 2).assign(dense.q);
            Tensor kv = Tensor.full(0, dtype, Shape.of(2, 30, 6, 64));
            Tensor k = kv.slice(2, 1, 3).assign(dense.k);
            Tensor v = kv.slice(2, 4, 6).assign(dense.v);
            Run strided = new Run(dtype, sizes, q, k, v).compute();
            assertThat(strided.out.toFloatArray()).isEqualTo(dense.out.toFloatArray());
            assertThat(strided.logSumExp.toFloatArray()).isEqualTo(dense.logSumExp.toFloatArray());
            assertThat(strided.dq.toFloatArray()).isEqualTo(dense.dq.toFloatArray());
            assertThat(strided.dk.toFloatArray()).isEqualTo(dense.dk.toFloatArray());
            assertThat(strided.dv.toFloatArray()).isEqualTo(dense.dv.toFloatArray());

            // rows that begin at odd elements
            Tensor odd = Tensor.full(0, dtype, Shape.of(2, 30, 2, 67)).slice(3, 1, 65);
            new Run(dtype, sizes, dense.q, odd.assign(dense.k), dense.v).compute().assertAsGoodAsPlain();
        }
    }

    @Test
    void laterTokensDoNotReachEarlierQueries() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            AttentionReference.Sizes sizes = new AttentionReference.Sizes(1, 80, 90, 1, 1, 64);
            Run run = new Run(dtype, sizes).compute();
            float[] before = run.out.toFloatArray();
            run.k.slice(1, 89, 90).assign(Tensor.full(100, dtype, Shape.of(1, 1, 1, 64)));
            run.v.slice(1, 89, 90).assign(Tensor.full(1e30, dtype, Shape.of(1, 1, 1, 64)));
            run.compute();
            float[] after = run.out.toFloatArray();
            for (int i = 0; i < 79 * 64; i++) {
                assertThat(after[i]).as("element %d", i).isEqualTo(before[i]);
            }
            assertThat(Math.abs(after[79 * 64])).isLessThan(Float.POSITIVE_INFINITY).isNotEqualTo(Math.abs(before[79 * 64]));
        }
    }

    @Test
    void aQueryHasTheSameBitsAloneAndAmongOthers() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            Run whole = new Run(dtype, new AttentionReference.Sizes(1, 70, 100, 2, 1, 64)).compute();
            Run last = new Run(dtype, new AttentionReference.Sizes(1, 3, 100, 2, 1, 64), whole.q.slice(1, 67, 70), whole.k, whole.v).compute();
            assertThat(last.out.toFloatArray()).isEqualTo(whole.out.slice(1, 67, 70).toFloatArray());
        }
    }

    @Test
    void largeScoresNeitherOverflowNorVanish() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            AttentionReference.Sizes sizes = new AttentionReference.Sizes(1, 40, 40, 1, 1, 64);
            Run run = new Run(dtype, sizes, normal(dtype, 5, 40, sizes.ofQueries()), normal(dtype, 6, 40, sizes.ofKeys()),
                    normal(dtype, 7, 1, sizes.ofKeys()));
            run.compute().assertAsGoodAsPlain();
        }
    }

    @Test
    void aScaleOfAnySignIsTaken() {
        AttentionReference.Sizes sizes = new AttentionReference.Sizes(1, 13, 20, 1, 1, 64);
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (double scale : new double[] {0, -0.3}) {
                Run run = new Run(dtype, sizes);
                run.scale = (float) scale;
                run.compute().assertAsGoodAsPlain();
            }
        }
    }

    /** Each size in each type, or, where kernels are slow, in one. */
    @Test
    void fewQueriesOverLongCachesAreAsGoodAsThePlainComputation() {
        for (int i = 0; i < LONG_CACHES.size(); i++) {
            for (DType dtype : isSlow() ? new DType[] {FLOATING[i % FLOATING.length]} : FLOATING) {
                new Run(dtype, LONG_CACHES.get(i)).forward().assertForwardAsGoodAsPlain();
            }
        }
    }

    @Test
    void theGradientOfFewQueriesOverALongCacheIsAsGoodAsThePlainComputation() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            new Run(dtype, new AttentionReference.Sizes(1, 3, 520, 4, 2, 64)).compute().assertAsGoodAsPlain();
        }
    }

    /** Numbers from 0.5 to 1.5, so that no sum of products is exact by chance. */
    private static Tensor positive(DType dtype, long... dimensions) {
        SplittableRandom random = new SplittableRandom(5);
        float[] values = new float[Math.toIntExact(Shape.of(dimensions).elementCount())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(0.5, 1.5);
        }
        return of(dtype, values, dimensions);
    }

    /** The largest score is in each part of the keys once, and so large that all others vanish beside it. */
    @Test
    void theLargestScoreMayBeAnywhereInALongCache() {
        AttentionReference.Sizes sizes = new AttentionReference.Sizes(1, 2, 700, 2, 1, 64);
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (int place : new int[] {0, 63, 64, 255, 256, 511, 512, 640, 697}) {
                Run run = new Run(dtype, sizes, positive(dtype, sizes.ofQueries()), normal(dtype, 6, 1, sizes.ofKeys()),
                        normal(dtype, 7, 1, sizes.ofKeys()));
                run.k.slice(1, place, place + 1).assign(Tensor.full(20, dtype, Shape.of(1, 1, 1, 64)));
                run.forward().assertForwardAsGoodAsPlain();
            }
            Run large = new Run(dtype, sizes, normal(dtype, 5, 40, sizes.ofQueries()), normal(dtype, 6, 40, sizes.ofKeys()),
                    normal(dtype, 7, 1, sizes.ofKeys()));
            large.forward().assertForwardAsGoodAsPlain();
        }
    }

    @Test
    void aScaleOfAnySignIsTakenForALongCache() {
        AttentionReference.Sizes sizes = new AttentionReference.Sizes(1, 1, 300, 2, 1, 64);
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (double scale : new double[] {0, -0.3}) {
                Run run = new Run(dtype, sizes);
                run.scale = (float) scale;
                run.forward().assertForwardAsGoodAsPlain();
            }
        }
    }

    /**
     * Sequences with caches of different lengths, some too short for blocks to share the keys, more than a launch takes, and one whose cache has
     * other strides.
     */
    @Test
    void attentionOfEachHasTheBitsOfEachAlone() {
        for (DType dtype : FLOATING) {
            for (int queries : !isSlow() ? new int[] {1, 3} : dtype == DType.BF16 ? new int[] {3} : new int[] {1}) {
                int[] lengths = {600, 300, 257, 40, 256, 270, 271, 272, 513, 274, 275, 276, 277, 278, 279, 280, 281};
                Tensor q = normal(dtype, 3, 1, lengths.length, queries, 4, 64);
                List<AttentionOperands> each = new ArrayList<>();
                for (int i = 0; i < lengths.length; i++) {
                    Tensor k = normal(dtype, 10 + i, 1, 1, lengths[i], 2, 64);
                    Tensor wide = Tensor.full(Double.NaN, dtype, Shape.of(1, lengths[i], 2, 72));
                    Tensor v = normal(dtype, 40 + i, 1, 1, lengths[i], 2, 64);
                    each.add(new AttentionOperands(q.slice(0, i, i + 1), i == 8 ? wide.slice(3, 0, 64).assign(k) : k, v, 0.125));
                }
                Tensor out = Tensor.full(Double.NaN, dtype, q.shape());
                backend().attentionOfEach(each, out);
                for (int i = 0; i < lengths.length; i++) {
                    Tensor alone = Tensor.empty(dtype, Shape.of(1, queries, 4, 64));
                    backend().attention(each.get(i), alone, Tensor.empty(DType.F32, Shape.of(1, 4, queries)));
                    assertThat(out.slice(0, i, i + 1).toFloatArray()).as("%s, %d queries, sequence %d", dtype, queries, i)
                            .isEqualTo(alone.toFloatArray());
                }
            }
        }
    }

    /** The caches are slices of larger memory, as in generation. */
    @Test
    void stridesOfALongCacheMakeNoDifference() {
        AttentionReference.Sizes sizes = new AttentionReference.Sizes(2, 2, 400, 4, 2, 64);
        for (DType dtype : FLOATING) {
            Run dense = new Run(dtype, sizes).forward();
            Tensor q = Tensor.empty(dtype, Shape.of(2, 4, 2, 64)).transpose(1, 2).assign(dense.q);
            Tensor kv = Tensor.full(Double.NaN, dtype, Shape.of(2, 450, 6, 64));
            Tensor k = kv.slice(1, 0, 400).slice(2, 1, 3).assign(dense.k);
            Tensor v = kv.slice(1, 50, 450).slice(2, 4, 6).assign(dense.v);
            Run strided = new Run(dtype, sizes, q, k, v).forward();
            assertThat(strided.out.toFloatArray()).isEqualTo(dense.out.toFloatArray());
            assertThat(strided.logSumExp.toFloatArray()).isEqualTo(dense.logSumExp.toFloatArray());

            Tensor odd = Tensor.full(0, dtype, Shape.of(2, 400, 2, 67)).slice(3, 1, 65);
            new Run(dtype, sizes, dense.q, odd.assign(dense.k), dense.v).forward().assertForwardAsGoodAsPlain();
        }
    }

    /** Rows of a result depend on the number of rows where the device does not keep their bits, but a few queries always have the bits of one. */
    @Test
    void aQueryOverALongCacheHasTheSameBitsAmongFewOthersAndAmongManyWhereTheDeviceKeepsThem() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            Run few = new Run(dtype, new AttentionReference.Sizes(1, 5, 600, 2, 1, 64)).forward();
            for (int query = 0; query < 5; query++) {
                Tensor q = few.q.slice(1, query, query + 1);
                int seen = 596 + query;
                Run alone = new Run(dtype, new AttentionReference.Sizes(1, 1, seen, 2, 1, 64), q, few.k.slice(1, 0, seen), few.v.slice(1, 0, seen));
                assertThat(alone.forward().out.toFloatArray()).isEqualTo(few.out.slice(1, query, query + 1).toFloatArray());
            }
            Run many = new Run(dtype, new AttentionReference.Sizes(1, 100, 600, 2, 1, 64)).forward();
            Run last = new Run(dtype, new AttentionReference.Sizes(1, 1, 600, 2, 1, 64), many.q.slice(1, 99, 100), many.k, many.v).forward();
            boolean same = Arrays.equals(last.out.toFloatArray(), many.out.slice(1, 99, 100).toFloatArray());
            assertThat(same || !backend().keepsBitsOfRows()).as("%s: the same bits, where they are promised", dtype).isTrue();
            last.assertForwardAsGoodAsPlain();
        }
    }

    @Test
    void laterTokensOfALongCacheDoNotReachEarlierQueries() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            Run run = new Run(dtype, new AttentionReference.Sizes(1, 4, 515, 1, 1, 64)).forward();
            float[] before = run.out.toFloatArray();
            // Keys 512 to 514 are those of queries 1 to 3.
            run.k.slice(1, 512, 515).assign(Tensor.full(100, dtype, Shape.of(1, 3, 1, 64)));
            run.v.slice(1, 512, 515).assign(Tensor.full(1e30, dtype, Shape.of(1, 3, 1, 64)));
            float[] after = run.forward().out.toFloatArray();
            assertThat(Arrays.copyOf(after, 64)).isEqualTo(Arrays.copyOf(before, 64));
            assertThat(after[64]).isNotEqualTo(before[64]);
        }
    }

    /** Few queries and many, widths with and without a rest; rows of a cache that lie in wider memory. */
    @Test
    void roundedKeysHaveTheBitsOfTheSameNumbersInF32WhereTheDeviceTakesThem() {
        List<AttentionReference.Sizes> cases = List.of(new AttentionReference.Sizes(2, 1, 300, 4, 2, 64),
                new AttentionReference.Sizes(1, 3, 130, 3, 1, 7), new AttentionReference.Sizes(1, 70, 150, 2, 1, 80));
        for (AttentionReference.Sizes sizes : backend().takesRoundedKeys() ? cases : List.<AttentionReference.Sizes>of()) {
            Run wide = new Run(DType.F32, sizes);
            Tensor k = Tensor.full(Double.NaN, DType.BF16, wide.k.shape().with(3, sizes.width() + 9)).slice(3, 0, sizes.width()).assign(wide.k);
            Tensor v = wide.v.cast(DType.BF16);
            wide = new Run(DType.F32, sizes, wide.q, k.cast(DType.F32), v.cast(DType.F32)).forward();
            Run rounded = new Run(DType.F32, sizes, wide.q, k, v).forward();
            assertThat(rounded.out.toFloatArray()).isEqualTo(wide.out.toFloatArray());
            assertThat(rounded.logSumExp.toFloatArray()).isEqualTo(wide.logSumExp.toFloatArray());
        }
    }
}

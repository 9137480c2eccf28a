package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import kept.tensor.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionKernelTest {
    private final int threads = WorkerPool.shared().threads();
    private final SplittableRandom random = new SplittableRandom(7);
    private Arena arena;

    @BeforeEach
    void open() {
        arena = Arena.ofShared();
    }

    @AfterEach
    void close() {
        arena.close();
        WorkerPool.shareThreads(threads);
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1,1,1", "2,1,127,4,2,64", "1,13,13,3,1,7", "2,33,40,4,2,32", "1,127,127,2,2,80", "2,130,130,4,1,16", "1,257,300,2,1,33",
        "1,65,513,1,1,128", "1,600,600,2,2,40",
        // From 1,024 queries on a key head's queries are divided among tasks, whose sums are added: even, uneven, with a cache, with groups.
        "1,1024,1024,1,1,5", "1,1100,1300,2,1,6", "2,1537,1537,2,1,3", "1,2050,2051,1,1,4"})
    void forwardAndGradientsAgreeWithFloat64(int batch, int queries, int keys, int heads, int groups, int width) {
        Case c = new Case(new AttentionShape(batch, queries, keys, heads, groups, width), 3);
        c.forward();
        c.backward();
        Reference r = new Reference(c);
        compare(c.out, r.out, "out", 2e-6);
        assertThat(r.logSumExp.length).isEqualTo(batch * heads * queries);
        for (int i = 0; i < r.logSumExp.length; i++) {
            assertThat((double) c.logSumExp.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isCloseTo(r.logSumExp[i], within(1e-5));
        }
        compare(c.dq, r.dq, "dq", 2e-6);
        compare(c.dk, r.dk, "dk", 2e-6);
        compare(c.dv, r.dv, "dv", 2e-6);
    }

    @ParameterizedTest
    @CsvSource({"2,70,90,4,2,48", "1,600,600,2,1,32", "1,1100,1300,2,1,6", "1,1,900,4,2,40", "2,4,600,6,2,48"})
    void bitsDoNotDependOnThreadsOrStrides(int batch, int queries, int keys, int heads, int groups, int width) {
        AttentionShape shape = new AttentionShape(batch, queries, keys, heads, groups, width);
        Case[] cases = new Case[4];
        for (int i = 0; i < cases.length; i++) {
            cases[i] = new Case(shape, i == 3 ? 5 : 0);
            cases[i].copyInputs(cases[0]);
            WorkerPool.shareThreads(new int[] {1, 2, 3, 5}[i]);
            cases[i].forward();
            cases[i].backward();
            assertThat(cases[i].out.values()).isEqualTo(cases[0].out.values());
            assertThat(cases[i].dq.values()).isEqualTo(cases[0].dq.values());
            assertThat(cases[i].dk.values()).isEqualTo(cases[0].dk.values());
            assertThat(cases[i].dv.values()).isEqualTo(cases[0].dv.values());
        }
    }

    @Test
    void largeScoresNeitherOverflowNorVanish() {
        Case c = new Case(new AttentionShape(1, 40, 40, 1, 1, 8), 0);
        c.scale = 400;
        c.forward();
        compare(c.out, new Reference(c).out, "out", 3e-5);
    }

    @Test
    void laterTokensDoNotReachEarlierQueries() {
        AttentionShape shape = new AttentionShape(1, 150, 150, 1, 1, 16);
        Case c = new Case(shape, 0);
        c.forward();
        double[] before = c.out.values();
        for (int d = 0; d < 16; d++) {
            c.k.set(0, 149, 0, d, 0);
            c.v.set(0, 149, 0, d, 1e30f);
        }
        c.forward();
        double[] after = c.out.values();
        for (int i = 0; i < 149 * 16; i++) {
            assertThat(after[i]).isEqualTo(before[i]);
        }
        assertThat(after[149 * 16]).isGreaterThan(1e20);
    }

    @Test
    void impossibleSizesAreRefused() {
        assertThatThrownBy(() -> new AttentionShape(1, 5, 4, 1, 1, 8)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("4 keys");
        assertThatThrownBy(() -> new AttentionShape(1, 5, 5, 3, 2, 8)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("2 groups");
    }

    private static void compare(Block actual, double[] expected, String name, double tolerance) {
        double[] values = actual.values();
        double norm = 0;
        double error = 0;
        for (int i = 0; i < values.length; i++) {
            norm = Math.max(norm, Math.abs(expected[i]));
            error = Math.max(error, Math.abs(values[i] - expected[i]));
            assertThat(values[i]).as("%s at %d", name, i).isFinite();
        }
        assertThat(error).as("%s: largest error, where values reach %s", name, norm).isLessThan(tolerance * (1 + norm));
    }

    /** A tensor [batch, tokens, heads, width] with gaps of some elements between heads. */
    private final class Block {
        private final int[] sizes;
        private final int gap;
        private final MemorySegment data;

        Block(int batch, int tokens, int heads, int width, int gap) {
            sizes = new int[] {batch, tokens, heads, width};
            this.gap = gap;
            data = arena.allocate(4L * batch * tokens * heads * (width + gap) + 64, 64);
            data.fill((byte) 0x7f);
        }

        Heads heads() {
            long head = sizes[3] + gap;
            return new Heads(data, DType.F32, gap, sizes[1] * sizes[2] * head, sizes[2] * head, head);
        }

        void random() {
            for (int i = 0; i < sizes[0] * sizes[1] * sizes[2] * sizes[3]; i++) {
                data.setAtIndex(ValueLayout.JAVA_FLOAT, index(i), (float) (random.nextDouble() * 2 - 1));
            }
        }

        long index(int i) {
            return gap + (long) (i / sizes[3]) * (sizes[3] + gap) + i % sizes[3];
        }

        void set(int b, int t, int h, int d, float value) {
            data.setAtIndex(ValueLayout.JAVA_FLOAT, index(((b * sizes[1] + t) * sizes[2] + h) * sizes[3] + d), value);
        }

        double[] values() {
            double[] values = new double[sizes[0] * sizes[1] * sizes[2] * sizes[3]];
            for (int i = 0; i < values.length; i++) {
                values[i] = data.getAtIndex(ValueLayout.JAVA_FLOAT, index(i));
            }
            return values;
        }

        void copy(Block other) {
            double[] values = other.values();
            for (int i = 0; i < values.length; i++) {
                data.setAtIndex(ValueLayout.JAVA_FLOAT, index(i), (float) values[i]);
            }
        }
    }

    /** Operands and results of one attention. */
    private final class Case {
        private final AttentionShape shape;
        private final Block q;
        private final Block k;
        private final Block v;
        private final Block gradient;
        private final Block out;
        private final Block dq;
        private final Block dk;
        private final Block dv;
        private final MemorySegment logSumExp;
        private float scale;

        Case(AttentionShape shape, int gap) {
            this.shape = shape;
            scale = (float) (1.5 / Math.sqrt(shape.width()));
            q = queries(gap);
            k = keys(gap);
            v = keys(gap);
            gradient = queries(gap);
            out = queries(gap);
            dq = queries(gap);
            dk = keys(gap);
            dv = keys(gap);
            for (Block block : new Block[] {q, k, v, gradient}) {
                block.random();
            }
            logSumExp = arena.allocate(4L * shape.batch() * shape.heads() * shape.queries(), 64);
        }

        private Block queries(int gap) {
            return new Block(shape.batch(), shape.queries(), shape.heads(), shape.width(), gap);
        }

        private Block keys(int gap) {
            return new Block(shape.batch(), shape.keys(), shape.groups(), shape.width(), gap);
        }

        void copyInputs(Case other) {
            q.copy(other.q);
            k.copy(other.k);
            v.copy(other.v);
            gradient.copy(other.gradient);
        }

        void forward() {
            AttentionKernel.forward(shape, q.heads(), k.heads(), v.heads(), scale, out.heads(), logSumExp, 0);
        }

        void backward() {
            var inputs = new AttentionGradientKernel.Inputs(gradient.heads(), q.heads(), k.heads(), v.heads(), out.heads(), logSumExp, 0);
            AttentionGradientKernel.backward(shape, inputs, scale,
                dq.heads(), dk.heads(), dv.heads());
        }
    }

    /** The definition, in float64, with whole rows of scores. */
    private static final class Reference {
        private final double[] out;
        private final double[] logSumExp;
        private final double[] dq;
        private final double[] dk;
        private final double[] dv;

        Reference(Case c) {
            AttentionShape z = c.shape;
            double[] q = c.q.values();
            double[] k = c.k.values();
            double[] v = c.v.values();
            double[] g = c.gradient.values();
            out = new double[q.length];
            logSumExp = new double[z.batch() * z.heads() * z.queries()];
            dq = new double[q.length];
            dk = new double[k.length];
            dv = new double[k.length];
            int width = z.width();
            double[] p = new double[z.keys()];
            double[] dp = new double[z.keys()];
            for (int b = 0; b < z.batch(); b++) {
                for (int h = 0; h < z.heads(); h++) {
                    for (int t = 0; t < z.queries(); t++) {
                        int at = ((b * z.queries() + t) * z.heads() + h) * width;
                        int seen = z.keys() - z.queries() + t + 1;
                        double max = Double.NEGATIVE_INFINITY;
                        for (int s = 0; s < seen; s++) {
                            int key = ((b * z.keys() + s) * z.groups() + h / (z.heads() / z.groups())) * width;
                            p[s] = 0;
                            dp[s] = 0;
                            for (int d = 0; d < width; d++) {
                                p[s] += c.scale * q[at + d] * k[key + d];
                                dp[s] += g[at + d] * v[key + d];
                            }
                            max = Math.max(max, p[s]);
                        }
                        double sum = 0;
                        for (int s = 0; s < seen; s++) {
                            p[s] = Math.exp(p[s] - max);
                            sum += p[s];
                        }
                        logSumExp[(b * z.heads() + h) * z.queries() + t] = max + Math.log(sum);
                        double delta = 0;
                        for (int s = 0; s < seen; s++) {
                            p[s] /= sum;
                            delta += p[s] * dp[s];
                        }
                        for (int s = 0; s < seen; s++) {
                            int key = ((b * z.keys() + s) * z.groups() + h / (z.heads() / z.groups())) * width;
                            double ds = c.scale * p[s] * (dp[s] - delta);
                            for (int d = 0; d < width; d++) {
                                out[at + d] += p[s] * v[key + d];
                                dq[at + d] += ds * k[key + d];
                                dk[key + d] += ds * q[at + d];
                                dv[key + d] += p[s] * g[at + d];
                            }
                        }
                    }
                }
            }
        }
    }
}

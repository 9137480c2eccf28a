package kept.distributed.mpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import kept.distributed.Communicator;
import kept.distributed.DividedSum;
import kept.distributed.Division;
import kept.distributed.Leaves;
import kept.distributed.TransportRanks;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sums of an engine in a communicator with messages of 1,000 bytes, so that most tensors are cut. The stand-in for the engine adds from the last rank
 * to the first.
 */
class MpiSumsTest {
    private static final int[] LENGTHS = {0, 1, 2, 7, 250, 1001};

    private interface Task {
        void run(Communicator ranks) throws Exception;
    }

    private static void onRanks(int size, Task task) throws InterruptedException {
        FakeRanks.run(MpiAbi.MPICH, size, TimeUnit.MINUTES.toNanos(1), (transport, _) -> {
            Communicator ranks = TransportRanks.of(transport);
            try (var _ = Scope.open(Device.cpu())) {
                task.run(ranks);
            } catch (Exception | Error e) {
                ranks.fail(e.getMessage());
                throw e;
            } finally {
                ranks.close();
            }
        });
    }

    private static float[] values(long leaf, int length) {
        var random = new SplittableRandom(leaf);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(3 * random.nextGaussian()));
        }
        return values;
    }

    /** From the last term to the first. */
    private static float[] sum(int first, int end, int length) {
        float[] sum = values(end - 1, length);
        for (int leaf = end - 2; leaf >= first; leaf--) {
            float[] next = values(leaf, length);
            for (int i = 0; i < length; i++) {
                sum[i] += next[i];
            }
        }
        return sum;
    }

    private static float[] part(float[] whole, Division division, int rank) {
        return Arrays.copyOfRange(whole, (int) division.begin(rank), (int) division.end(rank));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5, 8})
    void sumsHaveTheBitsOfTheEngine(int size) throws InterruptedException {
        onRanks(size, ranks -> {
            assertThat(ranks.summingEngine(DType.F32, Device.cpu())).contains("libfake.so (Fake MPI 1.0)");
            for (int length : LENGTHS) {
                float[] expected = sum(0, size, length);
                for (int call = 0; call < 2; call++) {
                    Tensor whole = Tensor.of(values(ranks.rank(), length));
                    var division = new Division(length, size, 4);
                    Tensor part = Tensor.empty(DType.F32, Shape.of(division.size(ranks.rank())));
                    ranks.reduceScatterByEngine(whole, part, division);
                    assertThat(part.toFloatArray()).isEqualTo(part(expected, division, ranks.rank()));
                    assertThat(whole.toFloatArray()).as("the term").isEqualTo(values(ranks.rank(), length));
                    ranks.allReduceByEngine(whole);
                    assertThat(whole.toFloatArray()).isEqualTo(expected);
                }
                Tensor tree = Tensor.of(values(ranks.rank(), length));
                ranks.allReduce(tree);
                if (length == 1001) {
                    assertThat(Arrays.equals(tree.toFloatArray(), expected)).as("two terms have one sum").isEqualTo(size == 2);
                }
            }
        });
    }

    @Test
    void aPartMayBeItsPlaceInTheWhole() throws InterruptedException {
        onRanks(3, ranks -> {
            Tensor whole = Tensor.of(values(ranks.rank(), 1001));
            var division = new Division(1001, 3, 64);
            Tensor part = whole.slice(0, division.begin(ranks.rank()), division.end(ranks.rank()));
            ranks.reduceScatterByEngine(whole, part, division);
            assertThat(part.toFloatArray()).isEqualTo(part(sum(0, 3, 1001), division, ranks.rank()));
        });
    }

    /** What the engine sends, it does not tell. */
    @Test
    void bytesAreThoseOfTheTree() throws InterruptedException {
        onRanks(3, ranks -> {
            Tensor whole = Tensor.of(values(ranks.rank(), 1001));
            Division division = Division.of(1001, 3);
            Tensor part = Tensor.empty(DType.F32, Shape.of(division.size(ranks.rank())));
            List<Long> bytes = new ArrayList<>();
            for (Runnable call : List.<Runnable>of(() -> ranks.reduceScatterByEngine(whole, part, division), () -> ranks.allReduceByEngine(whole),
                    () -> ranks.reduceScatter(whole, part), () -> ranks.allReduce(whole))) {
                long before = ranks.bytesSent();
                call.run();
                bytes.add(ranks.bytesSent() - before);
            }
            assertThat(bytes.subList(0, 2)).isEqualTo(bytes.subList(2, 4)).doesNotContain(0L);
        });
    }

    /** MPI has no BF16. */
    @Test
    void otherTypesAreAddedInTheTree() throws InterruptedException {
        onRanks(3, ranks -> {
            assertThat(ranks.summingEngine(DType.BF16, Device.cpu())).isEmpty();
            Tensor engine = Tensor.of(values(ranks.rank(), 100)).cast(DType.BF16);
            Tensor tree = Tensor.of(values(ranks.rank(), 100)).cast(DType.BF16);
            Tensor part = Tensor.empty(DType.BF16, Shape.of(Division.of(100, 3).size(ranks.rank())));
            ranks.reduceScatterByEngine(engine, part, Division.of(100, 3));
            ranks.allReduceByEngine(engine);
            ranks.allReduce(tree, Leaves.of(3, 3));
            assertThat(engine.cast(DType.F32).toFloatArray()).isEqualTo(tree.cast(DType.F32).toFloatArray());
            assertThat(part.cast(DType.F32).toFloatArray()).isEqualTo(part(tree.cast(DType.F32).toFloatArray(), Division.of(100, 3), ranks.rank()));
        });
    }

    /** The engine adds the leaves of a round, in which ranks without a leaf add zeros; rounds are added in the tree. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void aDividedSumAddsTheRoundsOfTheEngine(int size) throws InterruptedException {
        for (int count : new int[] {1, 2, 3, 7, 4 * size}) {
            onRanks(size, ranks -> {
                var division = new Division(1001, size, 64);
                try (var sum = DividedSum.byEngine(ranks, division, count, Tensor.zeros(1))) {
                    for (int first = 0; first < count; first += size) {
                        boolean hasLeaf = first + ranks.rank() < count;
                        Tensor leaf = hasLeaf ? Tensor.of(values(first + ranks.rank(), 1001)) : Tensor.full(Double.NaN, DType.F32, Shape.of(1001));
                        assertThat(sum.add(leaf, first)).isEqualTo(first + size >= count);
                    }
                    float[] expected = rounds(count, size);
                    assertThat(sum.result().toFloatArray()).isEqualTo(part(expected, division, ranks.rank()));
                }
            });
        }
    }

    /** The tree over the rounds: of at most four. */
    private static float[] rounds(int count, int size) {
        List<float[]> sums = new ArrayList<>();
        for (int first = 0; first < count; first += size) {
            sums.add(sum(first, Math.min(first + size, count), 1001));
        }
        while (sums.size() > 1) {
            for (int i = 0; i + 1 < sums.size(); i++) {
                float[] right = sums.remove(i + 1);
                for (int j = 0; j < right.length; j++) {
                    sums.get(i)[j] += right[j];
                }
            }
        }
        return sums.getFirst();
    }

    @Test
    void oneRankHasNoEngineThatAdds() {
        try (var _ = Scope.open(Device.cpu()); var single = Communicator.single()) {
            assertThat(single.summingEngine(DType.F32, Device.cpu())).isEmpty();
            Tensor tensor = Tensor.of(values(0, 10));
            Tensor part = Tensor.empty(DType.F32, Shape.of(10));
            single.reduceScatterByEngine(tensor, part, Division.of(10, 1));
            single.allReduceByEngine(tensor);
            assertThat(tensor.toFloatArray()).isEqualTo(values(0, 10)).isEqualTo(part.toFloatArray());
        }
    }

    @Test
    void wrongArgumentsAreRefusedBeforeAnythingIsSent() throws InterruptedException {
        onRanks(2, ranks -> {
            Tensor whole = Tensor.zeros(8, 9);
            assertThatThrownBy(() -> ranks.allReduceByEngine(whole.transpose(0, 1))).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("contiguous");
            assertThatThrownBy(() -> ranks.reduceScatterByEngine(whole, Tensor.zeros(35), Division.of(72, 2))).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("the part of rank");
            Communicator.Pending calls = ranks.begin(Device.cpu(), beside -> beside.allReduceByEngine(whole));
            assertThatThrownBy(calls::await).isInstanceOf(TensorException.class).hasMessageContaining("in the background");
            assertThat(ranks.bytesSent()).isZero();
        });
    }
}

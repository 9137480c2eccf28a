package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import kept.distributed.Communicator;
import kept.distributed.Division;
import kept.distributed.Leaves;
import kept.distributed.Ranks;
import kept.distributed.ThreadRanks;
import kept.distributed.TreeSum;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Collective operations between GPUs that NCCL joins, each with a rank that is a thread: the bits are those of ranks on the CPU, and of one rank.
 * They are virtual ones, or those of the machine, if it has at least two, of the kind that {@code -Dkept.test.device} names.
 */
class LinkedRanksContractTest {
    private static final int[] LENGTHS = {0, 1, 2, 7, 301};
    private static final int[] LEAVES = {1, 3, 8};

    static IntStream ranks() {
        int devices = JoinedCudaProvider.testDevices();
        if (devices < 2) {
            System.out.println("one GPU: messages between GPUs are not tested");
        }
        return IntStream.rangeClosed(2, devices);
    }

    /** Runs a task on ranks with a GPU each. */
    private static <T> List<T> onDevices(int ranks, ThreadRanks.Task<T> task) {
        return ThreadRanks.run(ranks, hosts -> {
            Device device = JoinedCudaProvider.testDevice(hosts.rank());
            try (Communicator joined = Ranks.linked(hosts, device); var _ = Scope.open(device)) {
                assertThat(joined.carrier(device)).startsWith("NCCL ");
                return task.run(joined);
            }
        });
    }

    private static <T> List<T> onCpus(int ranks, ThreadRanks.Task<T> task) {
        return ThreadRanks.run(ranks, hosts -> {
            try (var _ = Scope.open(Device.cpu())) {
                return task.run(hosts);
            }
        });
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("ranks")
    void sumsHaveTheBitsOfTheCpuAndOfOneRank(int ranks) {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            List<List<byte[]>> one = onCpus(1, communicator -> sums(communicator, dtype));
            List<List<byte[]>> onCpus = onCpus(ranks, communicator -> sums(communicator, dtype));
            List<List<byte[]>> onDevices = onDevices(ranks, communicator -> sums(communicator, dtype));
            for (int rank = 0; rank < ranks; rank++) {
                for (int i = 0; i < one.getFirst().size(); i++) {
                    assertThat(onDevices.get(rank).get(i)).as("%s, rank %d, sum %d", dtype, rank, i).isEqualTo(onCpus.get(rank).get(i))
                            .isEqualTo(one.getFirst().get(i));
                }
            }
        }
    }

    /** In the order of NCCL: near the tree, twice the same, the same in every rank, and on the virtual GPUs with three or more in another order. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("ranks")
    void sumsOfTheEngineAreNearTheTree(int ranks) {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (int length : new int[] {0, 1, 12, 301}) {
                List<byte[][]> all = onDevices(ranks, communicator -> engineSums(communicator, dtype, length));
                for (byte[][] sums : all) {
                    assertThat(sums[1]).as("%s %d, scattered and gathered", dtype, length).isEqualTo(sums[0]);
                    assertThat(sums[2]).as("again").isEqualTo(sums[0]);
                    assertThat(sums[3]).as("reduced, in all ranks").isEqualTo(all.getFirst()[3]);
                    if (JoinedCudaProvider.isVirtual()) {
                        assertThat(sums[3]).isEqualTo(sums[0]);
                    }
                    if (JoinedCudaProvider.isVirtual() && length == 301) {
                        assertThat(Arrays.equals(sums[3], sums[4])).as("as the tree, of %d ranks", ranks).isEqualTo(ranks == 2);
                    }
                }
            }
        }
    }

    private static byte[][] engineSums(Communicator ranks, DType dtype, int length) {
        Tensor tree = leaf(ranks.rank(), dtype, length);
        ranks.allReduce(tree);
        byte[][] sums = new byte[5][];
        sums[4] = bytes(tree);
        for (int call = 0; call < 3; call++) {
            // Parts of equal and of other sizes, and a part that is its place in the whole.
            var division = new Division(length, ranks.size(), call == 1 ? 5 : 1);
            Tensor own = leaf(ranks.rank(), dtype, length);
            Tensor part = call == 2 ? own.slice(0, division.begin(ranks.rank()), division.end(ranks.rank()))
                    : Tensor.empty(dtype, Shape.of(division.size(ranks.rank())));
            ranks.reduceScatterByEngine(own, part, division);
            Tensor whole = Tensor.empty(dtype, Shape.of(length));
            ranks.allGather(part, whole, division);
            requireNear(whole, tree);
            sums[call] = bytes(whole);
        }
        Tensor whole = leaf(ranks.rank(), dtype, length);
        ranks.allReduceByEngine(whole);
        requireNear(whole, tree);
        sums[3] = bytes(whole);
        return sums;
    }

    private static void requireNear(Tensor sum, Tensor tree) {
        if (sum.elementCount() > 0) {
            double largest = tree.cast(DType.F32).abs().max().item();
            double rounding = sum.dtype() == DType.BF16 ? 1.0 / 64 : 1e-6;
            assertThat((double) sum.cast(DType.F32).sub(tree.cast(DType.F32)).abs().max().item()).isLessThanOrEqualTo(rounding * (1 + largest));
        }
    }

    /** The sums of each length and number of leaves: scattered and gathered again, and reduced at once. */
    private static List<byte[]> sums(Communicator ranks, DType dtype) {
        var sums = new ArrayList<byte[]>();
        for (int length : LENGTHS) {
            for (int count : LEAVES) {
                Leaves leaves = Leaves.of(count, ranks.size());
                Division division = new Division(length, ranks.size(), 4);
                Tensor own = Tensor.full(Double.NaN, dtype, Shape.of(length));
                boolean hasLeaves = leaves.size(ranks.rank()) > 0;
                if (hasLeaves) {
                    try (var sum = new TreeSum(leaves.size(ranks.rank()))) {
                        for (long leaf = leaves.first(ranks.rank()); leaf < leaves.end(ranks.rank()); leaf++) {
                            own.assign(leaf(leaf, dtype, length));
                            sum.add(own);
                        }
                    }
                }
                Tensor part = Tensor.empty(dtype, Shape.of(division.size(ranks.rank())));
                ranks.reduceScatter(hasLeaves ? own : null, part, division, leaves);
                Tensor whole = Tensor.empty(dtype, Shape.of(length));
                ranks.allGather(part, whole, division);
                sums.add(bytes(whole));
                ranks.allReduce(own, leaves);
                sums.add(bytes(own));
            }
        }
        return sums;
    }

    private static Tensor leaf(long leaf, DType dtype, int length) {
        var random = new SplittableRandom(1000 + leaf);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(3 * random.nextGaussian()));
        }
        return Tensor.of(values).cast(dtype);
    }

    private static byte[] bytes(Tensor tensor) {
        byte[] bytes = new byte[(int) (tensor.elementCount() * tensor.dtype().bytes())];
        tensor.download(MemorySegment.ofArray(bytes));
        return bytes;
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("ranks")
    void everyRootsElementsReachAllDevices(int ranks) {
        for (int root = 0; root < ranks; root++) {
            int sender = root;
            List<byte[]> results = onDevices(ranks, communicator -> {
                Tensor tensor = leaf(communicator.rank(), DType.F32, 301);
                communicator.broadcast(tensor, sender);
                return bytes(tensor);
            });
            try (var _ = Scope.open()) {
                byte[] expected = bytes(leaf(root, DType.F32, 301));
                assertThat(results).allSatisfy(bytes -> assertThat(bytes).isEqualTo(expected));
            }
        }
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("ranks")
    void messagesArriveInTheOrderInWhichTheyWereSent(int ranks) {
        onDevices(ranks, communicator -> {
            int next = (communicator.rank() + 1) % ranks;
            int before = (communicator.rank() + ranks - 1) % ranks;
            Tensor received = Tensor.zeros(70);
            for (int i = 0; i < 5; i++) {
                Tensor sent = Tensor.full(100 * communicator.rank() + i, DType.F32, Shape.of(70));
                if (communicator.rank() == 0) {
                    communicator.send(sent, next);
                    communicator.receive(received, before);
                } else {
                    communicator.receive(received, before);
                    communicator.send(sent, next);
                }
                assertThat(received.toFloatArray()).containsOnly(100 * before + i);
            }
            return null;
        });
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("ranks")
    void bytesAreCountedAsOnTheCpu(int ranks) {
        ThreadRanks.Task<Long> task = communicator -> {
            Tensor whole = leaf(communicator.rank(), DType.BF16, 301);
            Tensor part = Tensor.empty(DType.BF16, Shape.of(Division.of(301, ranks).size(communicator.rank())));
            communicator.reduceScatter(whole, part);
            communicator.allGather(part, whole);
            communicator.allReduce(whole);
            communicator.broadcast(whole, ranks - 1);
            return communicator.bytesSent();
        };
        assertThat(onDevices(ranks, task)).isEqualTo(onCpus(ranks, task)).doesNotContain(0L);
    }
}

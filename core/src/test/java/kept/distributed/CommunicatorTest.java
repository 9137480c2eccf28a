package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.function.Consumer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The collective operations on 1 to 9 ranks, with messages of 1,000 bytes so that most tensors are cut. */
class CommunicatorTest {
    private static final int[] LENGTHS = {0, 1, 2, 7, 64, 4001};

    private static <T> List<T> onRanks(int ranks, ThreadRanks.Task<T> task) {
        return ThreadRanks.run(ranks, TimeUnit.SECONDS.toNanos(60), 1000, communicator -> {
            try (var _ = Scope.open()) {
                return task.run(communicator);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9})
    void sumsHaveTheBitsOfTheTreeWhateverTheNumberOfRanks(int ranks) {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (int length : LENGTHS) {
                for (int count : new int[] {1, 3, 8, 12}) {
                    byte[] expected;
                    try (var _ = Scope.open()) {
                        expected = TestTensors.treeSum(count, dtype, length);
                    }
                    onRanks(ranks, communicator -> {
                        Leaves leaves = Leaves.of(count, communicator.size());
                        Tensor own = ownSum(communicator, leaves, dtype, length);
                        Division division = new Division(length, ranks, 4);
                        Tensor part = Tensor.empty(dtype, Shape.of(division.size(communicator.rank())));
                        communicator.reduceScatter(leaves.size(communicator.rank()) == 0 ? null : own, part, division, leaves);
                        Tensor whole = Tensor.empty(dtype, Shape.of(length));
                        communicator.allGather(part, whole, division);
                        assertThat(TestTensors.bytes(whole)).as("reduceScatter, %s", leaves).isEqualTo(expected);
                        communicator.allReduce(own, leaves);
                        assertThat(TestTensors.bytes(own)).as("allReduce, %s", leaves).isEqualTo(expected);
                        return null;
                    });
                }
            }
        }
    }

    private static Tensor ownSum(Communicator communicator, Leaves leaves, DType dtype, long length) {
        Tensor own = Tensor.full(Double.NaN, dtype, Shape.of(length));
        if (leaves.size(communicator.rank()) > 0) {
            try (var sum = new TreeSum(leaves.size(communicator.rank()))) {
                for (long leaf = leaves.first(communicator.rank()); leaf < leaves.end(communicator.rank()); leaf++) {
                    own.assign(TestTensors.leaf(leaf, dtype, length));
                    sum.add(own);
                }
            }
        }
        return own;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 7, 9})
    void everyRankSendsEachOtherRankItsPart(int ranks) {
        for (int length : LENGTHS) {
            Division division = Division.of(length, ranks);
            List<long[]> sent = onRanks(ranks, communicator -> {
                Tensor whole = TestTensors.leaf(communicator.rank(), DType.BF16, length);
                Tensor part = Tensor.empty(DType.BF16, Shape.of(division.size(communicator.rank())));
                communicator.reduceScatter(whole, part);
                long reduced = communicator.bytesSent();
                communicator.allGather(part, whole);
                long gathered = communicator.bytesSent() - reduced;
                communicator.allReduce(whole);
                long both = communicator.bytesSent() - reduced - gathered;
                communicator.barrier();
                return new long[] {reduced, gathered, both, communicator.bytesSent()};
            });
            for (int rank = 0; rank < ranks; rank++) {
                long reduced = 2 * (length - division.size(rank));
                long gathered = 2 * division.size(rank) * (ranks - 1);
                assertThat(sent.get(rank)).containsExactly(reduced, gathered, reduced + gathered, 2 * (reduced + gathered));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 8, 9})
    void everyRootsElementsReachAllRanks(int ranks) {
        for (int root = 0; root < ranks; root++) {
            int sender = root;
            List<byte[]> results = onRanks(ranks, communicator -> {
                Tensor tensor = TestTensors.leaf(communicator.rank(), DType.F32, 301);
                communicator.broadcast(tensor, sender);
                return TestTensors.bytes(tensor);
            });
            try (var _ = Scope.open()) {
                byte[] expected = TestTensors.bytes(TestTensors.leaf(root, DType.F32, 301));
                assertThat(results).allSatisfy(bytes -> assertThat(bytes).isEqualTo(expected));
            }
        }
    }

    @Test
    void everyTypeIsCarried() {
        onRanks(2, communicator -> {
            int mine = communicator.rank() + 1;
            for (DType dtype : DType.values()) {
                Tensor sent = Tensor.full(dtype == DType.BOOL ? communicator.rank() : mine, dtype, Shape.of(3, 500));
                Tensor received = Tensor.empty(dtype, Shape.of(1500));
                communicator.exchange(sent, received, 1 - communicator.rank());
                assertThat(received.cast(DType.F32).toFloatArray()).containsOnly(dtype == DType.BOOL ? 1 - communicator.rank() : 3 - mine);
            }
            return null;
        });
    }

    /** The ranks make the calls of the two kinds in different orders. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void callsInTheBackgroundDoNotMixWithOthers(int ranks) {
        onRanks(ranks, communicator -> {
            Tensor behind = Tensor.full(communicator.rank() + 1, DType.F32, Shape.of(2000));
            Tensor gathered = Tensor.zeros(ranks * 3L);
            Tensor before = Tensor.full(10.0 * (communicator.rank() + 1), DType.F32, Shape.of(2000));
            long bytes = communicator.bytesSent();
            if (communicator.rank() % 2 == 1) {
                communicator.allReduce(before);
            }
            Communicator.Pending first = communicator.begin(Device.cpu(), beside -> beside.broadcast(behind, ranks - 1));
            Communicator.Pending parts = communicator.begin(Device.cpu(),
                    beside -> beside.allGather(Tensor.full(beside.rank(), DType.F32, Shape.of(3)), gathered));
            if (communicator.rank() % 2 == 0) {
                communicator.allReduce(before);
            }
            parts.await();
            first.await();
            first.await();
            int sum = ranks * (ranks + 1) / 2;
            assertThat(before.toFloatArray()).containsOnly(10 * sum);
            assertThat(behind.toFloatArray()).containsOnly(ranks);
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(gathered.slice(0, 3L * rank, 3L * rank + 3).toFloatArray()).containsOnly(rank);
            }
            if (ranks == 2) {
                assertThat(communicator.bytesSent() - bytes).as("of both").isEqualTo(Float.BYTES * (2000 + 3 + 2000L * communicator.rank()));
            }
            return null;
        });
    }

    @Test
    void nothingIsAddedOrBegunInTheBackground() {
        onRanks(2, communicator -> {
            Tensor tensor = Tensor.zeros(10);
            for (Consumer<Communicator> calls : List.<Consumer<Communicator>>of(beside -> beside.allReduce(tensor),
                    beside -> beside.reduceScatter(tensor, Tensor.zeros(5)), beside -> beside.begin(Device.cpu(), Communicator::barrier))) {
                Communicator.Pending pending = communicator.begin(Device.cpu(), calls);
                assertThatThrownBy(pending::await).isInstanceOf(TensorException.class).hasMessageContaining("in the background");
            }
            return null;
        });
    }

    @Test
    void callsInTheBackgroundEndWithARankThatFails() {
        assertThatThrownBy(() -> onRanks(2, communicator -> {
            Tensor tensor = Tensor.zeros(1000);
            if (communicator.rank() == 1) {
                throw new IllegalStateException("the disk is full");
            }
            Communicator.Pending calls = communicator.begin(Device.cpu(), beside -> beside.broadcast(tensor, 1));
            Communicator.Pending more = communicator.begin(Device.cpu(), beside -> beside.broadcast(tensor, 1));
            assertThatThrownBy(calls::await).isInstanceOf(RankException.class).hasMessage("[ranks] rank 1 has failed: the disk is full");
            assertThatThrownBy(more::await).isInstanceOf(RankException.class);
            return null;
        })).isInstanceOf(RankException.class).hasMessage("[rank 1] the disk is full");
    }

    /** Rank 1 does not make the calls; what rank 0 has begun uses tensors no more when the communicator is closed. */
    @Test
    void closingEndsCallsInTheBackground() {
        onRanks(2, communicator -> {
            if (communicator.rank() == 0) {
                Tensor tensor = Tensor.zeros(1000);
                Communicator.Pending calls = communicator.begin(Device.cpu(), beside -> beside.broadcast(tensor, 1));
                Communicator.Pending more = communicator.begin(Device.cpu(), beside -> beside.broadcast(tensor, 1));
                communicator.close();
                assertThatThrownBy(calls::await).isInstanceOf(RankException.class);
                assertThatThrownBy(more::await).isInstanceOf(RankException.class);
            }
            return null;
        });
    }

    @Test
    void messagesArriveInTheOrderInWhichTheyWereSent() {
        onRanks(3, communicator -> {
            int next = (communicator.rank() + 1) % 3;
            int before = (communicator.rank() + 2) % 3;
            Tensor received = Tensor.zeros(700);
            for (int i = 0; i < 10; i++) {
                Tensor sent = Tensor.full(100 * communicator.rank() + i, DType.F32, Shape.of(700));
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

    @Test
    void aPartMayBeItsPlaceInTheWhole() {
        onRanks(4, communicator -> {
            Division division = Division.of(1000, 4);
            Tensor whole = Tensor.full(communicator.rank() + 1, DType.F32, Shape.of(1000)).requireGradient().detach();
            Tensor part = whole.slice(0, division.begin(communicator.rank()), division.end(communicator.rank()));
            communicator.reduceScatter(whole, part);
            assertThat(part.toFloatArray()).containsOnly(10);
            communicator.allGather(part, whole);
            assertThat(whole.toFloatArray()).containsOnly(10);
            return null;
        });
    }

    @Test
    void theTermOfASumStays() {
        onRanks(3, communicator -> {
            Tensor whole = TestTensors.leaf(communicator.rank(), DType.F32, 100);
            byte[] before = TestTensors.bytes(whole);
            Tensor part = Tensor.empty(DType.F32, Shape.of(Division.of(100, 3).size(communicator.rank())));
            communicator.reduceScatter(whole, part);
            assertThat(TestTensors.bytes(whole)).isEqualTo(before);
            return null;
        });
    }

    @Test
    void theErrorOfTheRankThatFailsEndsAllOthers() {
        assertThatThrownBy(() -> onRanks(4, communicator -> {
            if (communicator.rank() == 2) {
                throw new IllegalStateException("the disk is full");
            }
            Tensor tensor = Tensor.zeros(10_000);
            assertThatThrownBy(() -> communicator.allReduce(tensor)).isInstanceOf(RankException.class)
                    .hasMessage("[ranks] rank 2 has failed: the disk is full");
            return null;
        })).isInstanceOf(RankException.class).hasMessage("[rank 2] the disk is full").hasCauseInstanceOf(IllegalStateException.class);
    }

    @Test
    void aRankThatDoesNotAnswerIsNamed() {
        var given = new CountDownLatch(1);
        List<String> messages = ThreadRanks.run(2, TimeUnit.MILLISECONDS.toNanos(50), 1000, communicator -> {
            if (communicator.rank() == 1) {
                given.await();
                return null;
            }
            try (var _ = Scope.open()) {
                Tensor tensor = Tensor.zeros(3);
                communicator.receive(tensor, 1);
                return null;
            } catch (RankException e) {
                return e.getMessage();
            } finally {
                given.countDown();
            }
        });
        assertThat(messages.get(0)).isEqualTo("[ranks] rank 1 has not been heard of for 1 s: it has ended or is stopped, or its machine is not "
                + "reached; -Dkept.ranks.timeout=SECONDS waits longer");
    }

    @Test
    void aRankThatHasEndedIsNamed() {
        onRanks(2, communicator -> {
            if (communicator.rank() == 0) {
                Tensor tensor = Tensor.zeros(3);
                assertThatThrownBy(() -> communicator.receive(tensor, 1)).isInstanceOf(RankException.class)
                        .hasMessage("[ranks] rank 1 has ended without the message that is awaited");
            }
            return null;
        });
    }

    @Test
    void aMessageOfAnotherSizeIsAnError() {
        onRanks(2, communicator -> {
            if (communicator.rank() == 0) {
                communicator.send(Tensor.zeros(3), 1);
            } else {
                Tensor tensor = Tensor.zeros(4);
                assertThatThrownBy(() -> communicator.receive(tensor, 0)).isInstanceOf(RankException.class)
                        .hasMessage("[ranks] rank 0 sends 12 bytes where rank 1 expects 16: the ranks do not do the same");
                communicator.receive(Tensor.zeros(3), 0);
            }
            return null;
        });
    }

    @Test
    void aClosedCommunicatorCarriesNothing() {
        onRanks(2, communicator -> {
            communicator.close();
            assertThatThrownBy(() -> communicator.barrier()).isInstanceOf(RankException.class)
                    .hasMessage("[ranks] the communicator of rank %d is closed".formatted(communicator.rank()));
            return null;
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void wrongArgumentsAreRefusedBeforeAnythingIsSent(int ranks) {
        onRanks(ranks, communicator -> {
            Tensor whole = Tensor.zeros(8, 9);
            Tensor part = Tensor.zeros(72 / ranks);
            Division division = Division.of(72, ranks);
            Leaves leaves = Leaves.of(ranks, ranks);
            refused(ShapeException.class, "contiguous", () -> communicator.broadcast(whole.transpose(0, 1), 0));
            refused(TensorException.class, "there is no rank " + ranks, () -> communicator.broadcast(whole, ranks));
            refused(ShapeException.class, "the part of rank", () -> communicator.allGather(whole.slice(0, 0, 1), whole));
            refused(ShapeException.class, "the whole has 72 elements, not the 73 of the division",
                    () -> communicator.reduceScatter(whole, Tensor.zeros(Division.of(73, ranks).size(communicator.rank())),
                            Division.of(73, ranks), leaves));
            refused(DTypeException.class, "one dtype", () -> communicator.allGather(part.cast(DType.BF16), whole));
            refused(TensorException.class, "the division is for 5 ranks", () -> communicator.allGather(part, whole, Division.of(72, 5)));
            refused(TensorException.class, "divided over 5 ranks", () -> communicator.reduceScatter(whole, part, division, Leaves.of(5, 5)));
            refused(DTypeException.class, "bool has no sum", () -> communicator.allReduce(whole.gt(0)));
            refused(TensorException.class, "rank", () -> communicator.send(part, communicator.rank()));
            refused(TensorException.class, "there is no rank 7", () -> communicator.receive(part, 7));
            if (ranks > 1) {
                int peer = (communicator.rank() + 1) % ranks;
                refused(ShapeException.class, "share memory", () -> communicator.exchange(whole, whole.slice(0, 0, 1), peer));
            }
            assertThat(communicator.bytesSent()).isZero();
            return null;
        });
    }

    private static void refused(Class<? extends TensorException> type, String message, Runnable call) {
        assertThatThrownBy(call::run).isInstanceOf(type).hasMessageContaining(message);
    }

    @Test
    void aSingleProcessNeedsNoEngine() {
        try (var _ = Scope.open(); var communicator = Communicator.single()) {
            Tensor whole = TestTensors.leaf(0, DType.F32, 100);
            byte[] expected = TestTensors.bytes(whole);
            Tensor part = Tensor.empty(DType.F32, Shape.of(100));
            communicator.reduceScatter(whole, part);
            Tensor gathered = Tensor.empty(DType.F32, Shape.of(100));
            communicator.allGather(part, gathered);
            communicator.allReduce(gathered);
            communicator.broadcast(gathered, 0);
            communicator.barrier();
            assertThat(TestTensors.bytes(gathered)).isEqualTo(expected);
            assertThat(new int[] {communicator.rank(), communicator.size(), communicator.localRank(), communicator.localSize()})
                    .containsExactly(0, 1, 0, 1);
            assertThat(communicator.bytesSent()).isZero();
            Tensor tensor = part;
            refused(TensorException.class, "this process is the only rank", () -> communicator.send(tensor, 1));
        }
    }
}

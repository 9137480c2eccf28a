package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import kept.distributed.Communicator;
import kept.distributed.RankException;
import kept.distributed.Ranks;
import kept.distributed.ThreadRanks;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Ranks that are threads with a virtual GPU each, joined by NCCL: what goes how, and what ends them. {@code LinkedRanksContractTest} has the values.
 */
class JoinedRanksTest {
    private static Device device(int rank) {
        return JoinedCudaProvider.device(rank);
    }

    /** Runs a task on ranks with a GPU each. */
    private static <T> List<T> onDevices(int ranks, ThreadRanks.Task<T> task) {
        return ThreadRanks.run(ranks, hosts -> {
            Device device = device(hosts.rank());
            try (Communicator joined = Ranks.linked(hosts, device); var _ = Scope.open(device)) {
                try {
                    return task.run(joined);
                } catch (Exception | Error e) {
                    joined.fail(String.valueOf(e.getMessage()));
                    throw e;
                }
            }
        });
    }

    @AfterEach
    void everyCommunicatorHasEnded() {
        System.clearProperty("kept.ranks.timeout");
        JoinedCudaProvider.missingFor(-1);
        JoinedCudaProvider.machine().nccl().tellOfAborts(true);
        assertThat(JoinedCudaProvider.machine().nccl().open()).isZero();
    }

    @Test
    void everyTypeIsCarriedByNccl() {
        onDevices(2, communicator -> {
            assertThat(communicator.carrier(device(communicator.rank()))).isEqualTo("NCCL 2.30.7");
            assertThat(communicator.carrier(Device.cpu())).isEqualTo("host memory");
            for (DType dtype : DType.values()) {
                if (device(0).backend().has(dtype)) {
                    long before = JoinedCudaProvider.machine().nccl().bytes();
                    Tensor sent = Tensor.full(communicator.rank(), dtype, Shape.of(3, 50));
                    Tensor received = Tensor.empty(dtype, Shape.of(150));
                    communicator.exchange(sent, received, 1 - communicator.rank());
                    assertThat(received.cast(DType.F32).toFloatArray()).containsOnly(1 - communicator.rank());
                    assertThat(JoinedCudaProvider.machine().nccl().bytes() - before).isGreaterThanOrEqualTo(150L * dtype.bytes());
                    communicator.barrier();
                }
            }
            return null;
        });
    }

    /** Orders, token ids and barriers stay on the host, between messages of the devices. */
    @Test
    void tensorsOfTheCpuGoThroughTheHost() {
        onDevices(3, communicator -> {
            long before = JoinedCudaProvider.machine().nccl().bytes();
            try (var _ = Scope.open(Device.cpu())) {
                Tensor order = Tensor.of(new long[] {communicator.rank(), 2, 3});
                communicator.broadcast(order, 1);
                assertThat(order.toLongArray()).containsExactly(1, 2, 3);
            }
            assertThat(JoinedCudaProvider.machine().nccl().bytes()).isEqualTo(before);
            communicator.barrier();
            Tensor sum = Tensor.full(communicator.rank(), DType.F32, Shape.of(5));
            communicator.allReduce(sum);
            assertThat(sum.toFloatArray()).containsOnly(3);
            try (var _ = Scope.open(Device.cpu())) {
                Tensor onHost = Tensor.zeros(5);
                assertThatThrownBy(() -> communicator.exchange(sum, onHost, (communicator.rank() + 1) % 3)).isInstanceOf(DeviceException.class)
                        .hasMessageStartingWith("[exchange] the tensor to send lives on joined").hasMessageContaining("into on cpu");
            }
            communicator.barrier();
            return null;
        });
    }

    /** They wait for the kernels that compute what is sent, and other messages pass them. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void callsInTheBackgroundHaveALinkOfTheirOwn(int ranks) {
        onDevices(ranks, communicator -> {
            Tensor sum = Tensor.full(communicator.rank(), DType.F32, Shape.of(500));
            Tensor whole = Tensor.empty(DType.F32, Shape.of(70L * ranks));
            for (int i = 1; i <= 3; i++) {
                int factor = i;
                Tensor part = Tensor.full(communicator.rank() + 1, DType.F32, Shape.of(70)).mul(factor);
                long before = communicator.bytesSent();
                Communicator.Pending calls = communicator.begin(device(communicator.rank()), beside -> beside.allGather(part, whole));
                assertThat(communicator.bytesSent() - before).isEqualTo(70L * Float.BYTES * (ranks - 1));
                communicator.allReduce(sum);
                Tensor meanwhile = sum.mul(2);
                calls.await();
                for (int rank = 0; rank < ranks; rank++) {
                    assertThat(whole.slice(0, 70L * rank, 70L * rank + 70).toFloatArray()).containsOnly(factor * (rank + 1));
                }
                assertThat(meanwhile.toFloatArray()).containsOnly((float) (ranks * (ranks - 1) * Math.pow(ranks, i - 1)));
            }
            return null;
        });
    }

    @Test
    void callsInTheBackgroundEndWithARankThatFails() {
        var joined = new CountDownLatch(2);
        assertThatThrownBy(() -> onDevices(2, communicator -> {
            Device device = device(communicator.rank());
            Tensor tensor = Tensor.ones(100);
            communicator.begin(device, beside -> beside.broadcast(tensor, 0)).await();
            joined.countDown();
            assertThat(joined.await(20, TimeUnit.SECONDS)).isTrue();
            if (communicator.rank() == 1) {
                throw new IllegalStateException("the disk is full");
            }
            Communicator.Pending calls = communicator.begin(device, beside -> beside.broadcast(tensor, 1));
            assertThatThrownBy(calls::await).isInstanceOf(RankException.class).hasMessage("[ranks] rank 1 has failed: the disk is full");
            return null;
        })).isInstanceOf(RankException.class).hasMessage("[rank 1] the disk is full");
    }

    /** A view of parameters is written by another rank: the write is counted, and what was recorded before is not differentiated. */
    @Test
    void aWriteOfAnotherRankIsAWrite() {
        onDevices(2, communicator -> {
            Tensor x = Tensor.full(communicator.rank() + 2, DType.F32, Shape.of(4)).requireGradient();
            Tensor square = x.mul(x).sum();
            communicator.broadcast(x.detach(), 0);
            if (communicator.rank() == 1) {
                assertThatThrownBy(square::backward).hasMessageContaining("overwritten");
            }
            return null;
        });
    }

    @Test
    void aRankThatFailsEndsTheSumsOfNccl() {
        var through = new CountDownLatch(3);
        assertThatThrownBy(() -> onDevices(3, communicator -> {
            Tensor tensor = Tensor.full(communicator.rank(), DType.F32, Shape.of(1000));
            communicator.allReduceByEngine(tensor);
            through.countDown();
            if (communicator.rank() == 1) {
                assertThat(through.await(20, TimeUnit.SECONDS)).isTrue();
                throw new IllegalStateException("the disk is full");
            }
            assertThatThrownBy(() -> communicator.allReduceByEngine(tensor)).isInstanceOf(RankException.class)
                    .hasMessage("[ranks] rank 1 has failed: the disk is full");
            return null;
        })).isInstanceOf(RankException.class).hasMessage("[rank 1] the disk is full");
    }

    /** Another tensor than the device's is added by what carries it: here in the tree. */
    @Test
    void ncclAddsTheTensorsOfItsDevice() {
        onDevices(2, communicator -> {
            Device device = device(communicator.rank());
            assertThat(communicator.summingEngine(DType.F32, device)).contains("NCCL 2.30.7");
            assertThat(communicator.summingEngine(DType.BF16, device)).contains("NCCL 2.30.7");
            assertThat(communicator.summingEngine(DType.I32, device)).isEmpty();
            assertThat(communicator.summingEngine(DType.F32, Device.cpu())).isEmpty();
            try (var _ = Scope.open(Device.cpu())) {
                Tensor onHost = Tensor.full(communicator.rank() + 1, DType.F32, Shape.of(5));
                communicator.allReduceByEngine(onHost);
                assertThat(onHost.toFloatArray()).containsOnly(3);
            }
            return null;
        });
    }

    @ParameterizedTest
    @CsvSource({"2,true", "4,true", "4,false"})
    void theErrorOfTheRankThatFailsEndsAllOthers(int ranks, boolean told) {
        JoinedCudaProvider.machine().nccl().tellOfAborts(told);
        var through = new CountDownLatch(ranks);
        var survivors = new AtomicInteger();
        assertThatThrownBy(() -> onDevices(ranks, communicator -> {
            Tensor tensor = Tensor.full(communicator.rank(), DType.F32, Shape.of(1000));
            communicator.allReduce(tensor);
            through.countDown();
            if (communicator.rank() == 1) {
                assertThat(through.await(20, TimeUnit.SECONDS)).isTrue();
                throw new IllegalStateException("the disk is full");
            }
            Tensor kept = Tensor.full(7, DType.F32, Shape.of(5));
            assertThatThrownBy(() -> communicator.allReduce(tensor)).isInstanceOf(RankException.class)
                    .hasMessage("[ranks] rank 1 has failed: the disk is full");
            assertThatThrownBy(() -> communicator.broadcast(tensor, 0)).isInstanceOf(RankException.class).hasMessageContaining("failed");
            assertThat(kept.add(1).toFloatArray()).as("the device can be used to save what there is").containsOnly(8);
            survivors.incrementAndGet();
            return null;
        })).isInstanceOf(RankException.class).hasMessage("[rank 1] the disk is full").hasCauseInstanceOf(IllegalStateException.class);
        assertThat(survivors).hasValue(ranks - 1);
    }

    @Test
    void aRankThatHasEndedIsNamed() {
        System.setProperty("kept.ranks.timeout", "2");
        onDevices(2, communicator -> {
            if (communicator.rank() == 0) {
                Tensor tensor = Tensor.zeros(3);
                assertThatThrownBy(() -> communicator.receive(tensor, 1)).isInstanceOf(RankException.class)
                        .hasMessage("[ranks] rank 1 has ended without the message that is awaited");
            }
            return null;
        });
    }

    @Test
    void aRankThatDoesNotAnswerIsNamed() {
        System.setProperty("kept.ranks.timeout", "1");
        var given = new CountDownLatch(1);
        try {
            onDevices(2, communicator -> {
                if (communicator.rank() == 1) {
                    given.await();
                    return null;
                }
                Tensor tensor = Tensor.zeros(3);
                assertThatThrownBy(() -> communicator.receive(tensor, 1)).isInstanceOf(RankException.class).hasMessage("[ranks] rank 1 has not been "
                        + "heard of for 1 s: it has ended or is stopped, or its machine is not reached; -Dkept.ranks.timeout=SECONDS waits longer");
                given.countDown();
                return null;
            });
        } finally {
            given.countDown();
        }
    }

    @Test
    void twoRanksOnOneGpuAreRefusedByAll() {
        assertThatThrownBy(() -> ThreadRanks.run(3, hosts -> Ranks.linked(hosts, device(hosts.rank() % 2)))).isInstanceOf(RankException.class)
                .rootCause().hasMessageMatching("\\[nccl] ranks 0 and 2 compute on one GPU, GPU-0000[0-9a-f]{28}, and each rank needs its own; "
                        + "start at most as many ranks of a machine as it has GPUs, with --device cuda");
    }

    @Test
    void otherVersionsAreRefusedByAll() {
        JoinedCudaProvider.machine().nccl().version(1, 21_805);
        try {
            assertThatThrownBy(() -> onDevices(2, _ -> null)).isInstanceOf(RankException.class)
                    .rootCause().hasMessage("[nccl] rank 0 has NCCL 2.30.7 and rank 1 has 2.18.5; give all ranks the same version");
        } finally {
            JoinedCudaProvider.machine().nccl().version(1, 23_007);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void aRankWithoutNcclEndsAll(int without) {
        JoinedCudaProvider.missingFor(without);
        assertThatThrownBy(() -> onDevices(2, _ -> null)).isInstanceOf(RankException.class).hasMessage("[rank %d] [nccl] no NCCL: looked for "
                .formatted(without) + "libnccl.so.2; -Dkept.nccl=none sends tensors through the memory of the hosts");
    }

    @Test
    void devicesOfTwoKindsAreRefusedByAll() {
        assertThatThrownBy(() -> ThreadRanks.run(2, hosts -> Ranks.linked(hosts, hosts.rank() == 0 ? device(0) : Device.cpu())))
                .isInstanceOf(RankException.class).hasMessageContaining("the devices of rank 0 and rank 1 are of two kinds");
    }

    /** The device virtual has no NCCL, since its ranks are processes. */
    @Test
    void devicesWithoutALinkGoThroughTheHost() {
        ThreadRanks.run(2, hosts -> {
            Device device = Device.of("virtual");
            assertThat(Ranks.linked(hosts, device)).isSameAs(hosts);
            assertThat(hosts.carrier(device)).isEqualTo("host memory");
            return null;
        });
    }
}

package kept.distributed.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import kept.distributed.Communicator;
import kept.distributed.RankException;
import kept.distributed.ThreadRanks;
import kept.distributed.TransportProvider.Launch;
import kept.distributed.TransportRanks;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks that meet through a file and speak by TCP; here they are threads of one process, with all connections that processes have. */
class TcpTransportTest {
    private static final long LONG = TimeUnit.SECONDS.toNanos(60);
    private static final long SHORT = TimeUnit.MILLISECONDS.toNanos(500);

    private final Map<Integer, Meeting> meetings = new ConcurrentHashMap<>();

    @TempDir
    private Path directory;

    private interface Work<T> {
        T run(TcpTransport transport) throws Exception;
    }

    private Path file() {
        return directory.resolve("rendezvous");
    }

    private <T> List<T> onRanks(int ranks, long timeoutNanos, Work<T> work) throws Exception {
        return onRanks(ranks, timeoutNanos, timeoutNanos, work);
    }

    private <T> List<T> onRanks(int ranks, long timeoutNanos, long othersNanos, Work<T> work) throws Exception {
        try (var threads = Executors.newFixedThreadPool(ranks)) {
            List<Future<T>> all = IntStream.range(0, ranks).mapToObj(rank -> threads.submit(() -> {
                meetings.put(rank, new Rendezvous(file(), rank, ranks, LONG).meet());
                return work.run(new TcpTransport(meetings.get(rank), rank == 0 ? timeoutNanos : othersNanos));
            })).toList();
            List<T> results = new ArrayList<>();
            for (Future<T> one : all) {
                results.add(one.get());
            }
            return results;
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    private static byte[] all(Communicator ranks) {
        try (var _ = Scope.open()) {
            Tensor sum = Tensor.arange(3001).mul(0.1f * (ranks.rank() + 1));
            Tensor behind = Tensor.full(ranks.rank() + 1, DType.F32, Shape.of(500_000));
            Communicator.Pending calls = ranks.begin(Device.cpu(), beside -> beside.broadcast(behind, ranks.size() - 1));
            ranks.allReduce(sum);
            calls.await();
            assertThat(behind.toFloatArray()).containsOnly(ranks.size());
            Tensor number = Tensor.full(ranks.rank(), DType.I64, Shape.of(7));
            ranks.broadcast(number, ranks.size() - 1);
            assertThat(number.toLongArray()).containsOnly(ranks.size() - 1);
            Tensor nothing = Tensor.empty(DType.U8, Shape.of(0));
            ranks.broadcast(nothing, 0);
            ranks.barrier();
            byte[] bytes = new byte[3001 * Float.BYTES];
            sum.download(MemorySegment.ofArray(bytes));
            return bytes;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void everyCallHasTheResultsOfThreads(int ranks) throws Exception {
        List<byte[]> expected = ThreadRanks.run(ranks, TcpTransportTest::all);
        List<byte[]> found = onRanks(ranks, LONG, transport -> {
            try (Communicator communicator = TransportRanks.of(transport)) {
                assertThat(new int[] {communicator.size(), communicator.localRank(), communicator.localSize()})
                        .containsExactly(ranks, communicator.rank(), ranks);
                return all(communicator);
            }
        });
        for (int rank = 0; rank < ranks; rank++) {
            assertThat(found.get(rank)).isEqualTo(expected.get(rank));
        }
        assertThat(file()).as("the next job finds no trace").doesNotExist();
    }

    @Test
    void messagesOfManyBytesGoBothWays() throws Exception {
        onRanks(2, LONG, transport -> {
            try (var communicator = TransportRanks.of(transport); var arena = Arena.ofShared()) {
                var sent = arena.allocate(20_000_000);
                sent.fill((byte) (transport.rank() + 1));
                var received = arena.allocate(20_000_000);
                transport.exchange(sent, received, 1 - transport.rank());
                assertThat(received.get(ValueLayout.JAVA_BYTE, 19_999_999)).isEqualTo((byte) (2 - transport.rank()));
                return communicator.size();
            }
        });
    }

    @Test
    void aRankThatFailsTellsTheOthers() throws Exception {
        List<String> words = onRanks(3, LONG, transport -> {
            try (Communicator communicator = TransportRanks.of(transport); var _ = Scope.open()) {
                if (communicator.rank() == 1) {
                    communicator.fail("the disk is full");
                    return "failed";
                }
                Tensor tensor = Tensor.zeros(10);
                return assertThatThrownBy(() -> communicator.allReduce(tensor)).isInstanceOf(RankException.class).actual().getMessage();
            }
        });
        assertThat(words).containsExactly("[ranks] rank 1 has failed: the disk is full", "failed", "[ranks] rank 1 has failed: the disk is full");
    }

    @Test
    void aRankThatEndsEarlyIsNamed() throws Exception {
        List<String> words = onRanks(2, TimeUnit.SECONDS.toNanos(3), transport -> {
            try (Communicator communicator = TransportRanks.of(transport); var _ = Scope.open()) {
                Tensor tensor = Tensor.zeros(10);
                return communicator.rank() == 1 ? "" : assertThatThrownBy(() -> communicator.receive(tensor, 1)).actual().getMessage();
            }
        });
        assertThat(words.getFirst()).isEqualTo("[ranks] rank 1 has ended without the message that is awaited");
    }

    /** As when the process is killed: the system closes its connections. */
    @Test
    void aRankThatIsKilledIsNamedAtOnce() throws Exception {
        List<String> words = onRanks(3, LONG, transport -> {
            if (transport.rank() == 1) {
                meetings.get(1).close();
                return "";
            }
            Communicator communicator = TransportRanks.of(transport);
            try (var _ = Scope.open()) {
                Tensor tensor = Tensor.zeros(10);
                return assertThatThrownBy(() -> communicator.receive(tensor, 1)).isInstanceOf(RankException.class).actual().getMessage();
            } finally {
                communicator.close();
            }
        });
        assertThat(List.of(words.get(0), words.get(2)))
                .containsOnly("[ranks] rank 1 has ended without a word: it was killed, or its machine or network is gone");
    }

    @Test
    void aRankThatComputesForLongerThanTheTimeoutLives() throws Exception {
        onRanks(2, TimeUnit.MILLISECONDS.toNanos(300), transport -> {
            try (Communicator communicator = TransportRanks.of(transport); var _ = Scope.open()) {
                Tensor tensor = Tensor.zeros(10);
                if (communicator.rank() == 1) {
                    Thread.sleep(900);
                    communicator.send(tensor, 0);
                } else {
                    communicator.receive(tensor, 1);
                }
                return "";
            }
        });
    }

    /** Rank 1 says only every few seconds that it lives. */
    @Test
    void aRankThatIsNotHeardOfIsMissing() throws Exception {
        var done = new CountDownLatch(1);
        List<String> words = onRanks(2, TimeUnit.MILLISECONDS.toNanos(300), LONG, transport -> {
            try (var _ = Scope.open()) {
                Tensor tensor = Tensor.zeros(10);
                if (transport.rank() == 1) {
                    done.await();
                    return "";
                }
                Communicator communicator = TransportRanks.of(transport);
                return assertThatThrownBy(() -> communicator.receive(tensor, 1)).isInstanceOf(RankException.class).actual().getMessage();
            } finally {
                done.countDown();
                meetings.get(transport.rank()).close();
            }
        });
        assertThat(words.getFirst()).startsWith("[ranks] rank 1 has not been heard of for 1 s: it has ended or is stopped, or its machine is not "
                + "reached");
    }

    @Test
    void otherSizesAreAnError() throws Exception {
        List<String> words = onRanks(2, LONG, transport -> {
            try (Communicator communicator = TransportRanks.of(transport); var _ = Scope.open()) {
                Tensor tensor = Tensor.zeros(3 + communicator.rank());
                Runnable call = communicator.rank() == 0 ? () -> communicator.send(tensor, 1) : () -> communicator.receive(tensor, 0);
                return assertThatThrownBy(call::run).isInstanceOf(RankException.class).actual().getMessage();
            }
        });
        assertThat(words).containsExactly(
                "[ranks] rank 1 sends nothing and expects 16 bytes, but rank 0 expects nothing and sends 12 bytes: the ranks do not do the same",
                "[ranks] rank 0 sends 12 bytes and expects nothing, but rank 1 expects 16 bytes and sends nothing: the ranks do not do the same");
    }

    @Test
    void whoDoesNotComeToTheRendezvousIsNamed() {
        long time = TimeUnit.MILLISECONDS.toNanos(100);
        assertThatThrownBy(() -> TcpProvider.open(file(), 0, 3, time)).isInstanceOf(RankException.class)
                .hasMessage("[ranks] rank 1, 2 has not come to the rendezvous %s within 1 s".formatted(file()));
        assertThatThrownBy(() -> TcpProvider.open(file(), 2, 3, time)).isInstanceOf(RankException.class).hasMessage(("[ranks] rank 0 has not come to "
                + "the rendezvous %s within 1 s; do all ranks see this file, and does a firewall let them connect?").formatted(file()));
        assertThatThrownBy(() -> TcpProvider.open(directory.resolve("none/file"), 0, 2, time)).isInstanceOf(RankException.class)
                .hasMessageContaining("of rank 0 fails: ");
    }

    @Test
    void theFileOfAnEarlierJobIsReplacedAndStrangersAreIgnored() throws Exception {
        Files.write(file(), List.of("kept ranks 2", "12ab", "9", "127.0.0.1"));
        try (var threads = Executors.newFixedThreadPool(2)) {
            Future<Integer> second = threads.submit(() -> met(1));
            Thread.sleep(100);
            Future<Integer> first = threads.submit(() -> met(0));
            List<String> lines = List.of();
            while (!first.isDone() && (lines.size() < 4 || lines.get(1).equals("12ab"))) {
                lines = read();
            }
            if (lines.size() == 4 && !first.isDone()) {
                stranger(Integer.parseInt(lines.get(2)));
            }
            assertThat(first.get() + second.get()).isEqualTo(4);
        }
    }

    private int met(int rank) {
        try (Communicator communicator = TransportRanks.of(TcpProvider.open(file(), rank, 2, LONG))) {
            return communicator.size();
        }
    }

    private List<String> read() {
        try {
            return Files.readAllLines(file());
        } catch (IOException e) {
            return List.of();
        }
    }

    private static void stranger(int port) {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            socket.getOutputStream().write(new byte[100]);
        } catch (IOException e) {
            // The ranks have met before.
        }
    }

    @Test
    void whatIsNoRendezvousIsNotOverwrittenByOtherRanks() throws IOException {
        Files.writeString(file(), "a text\n");
        assertThatThrownBy(() -> TcpProvider.open(file(), 1, 2, LONG)).isInstanceOf(RankException.class)
                .hasMessage("[ranks] %s is no rendezvous of ranks; name another file, which need not exist".formatted(file()));
        assertThatThrownBy(() -> TcpProvider.open(file(), 0, 2, LONG)).isInstanceOf(RankException.class).hasMessageContaining("is no rendezvous");
        assertThat(file()).hasContent("a text\n");
    }

    @Test
    void ranksThatContradictEachOtherAreRefused() throws Exception {
        try (var threads = Executors.newFixedThreadPool(2)) {
            Future<TcpTransport> leader = threads.submit(() -> TcpProvider.open(file(), 0, 2, LONG));
            assertThatThrownBy(() -> TcpProvider.open(file(), 1, 3, SHORT)).isInstanceOf(RankException.class);
            assertThatThrownBy(leader::get).hasRootCauseMessage("[ranks] rank 0 is one of 2, and rank 1 one of 3: WORLD_SIZE must be the same");
            leader = threads.submit(() -> TcpProvider.open(file(), 0, 3, LONG));
            Future<TcpTransport> twin = threads.submit(() -> TcpProvider.open(file(), 1, 3, SHORT));
            assertThatThrownBy(() -> TcpProvider.open(file(), 1, 3, SHORT)).isInstanceOf(RankException.class);
            assertThatThrownBy(twin::get).hasCauseInstanceOf(RankException.class);
            assertThatThrownBy(leader::get).hasRootCauseMessage("[ranks] two processes are rank 1: give each its own RANK");
        }
    }

    @Test
    void rankAndSizeAreInTheEnvironment() {
        assertThat(TcpProvider.find(Map.of("RANK", "2", "WORLD_SIZE", "4")::get, null)).isEmpty();
        assertThat(TcpProvider.find(Map.of("RANK", "2", "WORLD_SIZE", "4")::get, "f")).contains(new Launch("torchrun", 2, 4));
        assertThat(TcpProvider.find(Map.of("SLURM_PROCID", "0", "SLURM_STEP_NUM_TASKS", "32")::get, "f")).contains(new Launch("srun", 0, 32));
        assertThat(TcpProvider.find(Map.of("OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "2")::get, "f"))
                .contains(new Launch("mpirun of Open MPI", 1, 2));
        assertThat(TcpProvider.find(Map.of("PMI_RANK", "1", "PMI_SIZE", "2")::get, "f")).contains(new Launch("mpirun of MPICH", 1, 2));
        assertThatThrownBy(() -> TcpProvider.find(Map.<String, String>of()::get, "f")).isInstanceOf(RankException.class)
                .hasMessage("[ranks] a rendezvous (f) needs the number of this rank and that of all: start the program by torchrun or srun, or set "
                        + "RANK and WORLD_SIZE");
        assertThatThrownBy(() -> TcpProvider.find(Map.of("RANK", "4", "WORLD_SIZE", "4")::get, "f"))
                .hasMessage("[ranks] the environment contradicts itself: RANK=4, WORLD_SIZE=4");
        assertThatThrownBy(() -> TcpProvider.find(Map.of("RANK", "x", "WORLD_SIZE", "4")::get, "f"))
                .hasMessage("[ranks] the environment has RANK=x, which is no number from 0 on");
    }
}

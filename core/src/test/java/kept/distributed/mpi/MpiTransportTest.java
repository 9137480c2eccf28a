package kept.distributed.mpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import kept.distributed.EngineSums;
import kept.distributed.RankException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The transport on a stand-in for the library, with the handles of each interface. */
class MpiTransportTest {
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

    private static void onRanks(MpiAbi abi, int ranks, long timeout, FakeRanks.Task task) throws InterruptedException {
        assertThat(FakeRanks.run(abi, ranks, timeout, task).unread()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void ranksExchangeBytesWithTheHandlesOfTheInterface(MpiAbi abi) throws InterruptedException {
        onRanks(abi, 3, MINUTE, (transport, library) -> {
            assertThat(transport.name()).isEqualTo("libfake.so (Fake MPI 1.0)");
            assertThat(new int[] {transport.size(), transport.localSize()}).containsExactly(3, 3);
            assertThat(transport.localRank()).isEqualTo(transport.rank());
            try (var arena = Arena.ofConfined()) {
                for (int round = 1; round < 4; round++) {
                    int peer = transport.rank() ^ round;
                    if (peer < 3) {
                        MemorySegment sent = arena.allocate(1000 * (transport.rank() + 1)).fill((byte) (10 + transport.rank()));
                        MemorySegment received = arena.allocate(1000 * (peer + 1));
                        transport.exchange(sent, received, peer);
                        assertThat(received.toArray(ValueLayout.JAVA_BYTE)).containsOnly(10 + peer);
                    }
                }
                if (transport.rank() == 0) {
                    transport.exchange(arena.allocate(8).fill((byte) 7), null, 1);
                    transport.exchange(arena.allocate(0), null, 1);
                } else if (transport.rank() == 1) {
                    MemorySegment received = arena.allocate(8);
                    transport.exchange(null, received, 0);
                    transport.exchange(null, arena.allocate(0), 0);
                    assertThat(received.toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
                }
            }
            transport.close();
            assertThat(library.called).endsWith("MPI_Finalize").doesNotContain("MPI_Abort");
        });
    }

    @ParameterizedTest
    @EnumSource
    void aFailureEndsTheWaitOfAllOthers(MpiAbi abi) throws InterruptedException {
        String reason = "no space left on the device ".repeat(80) + "\u00e4";
        onRanks(abi, 3, MINUTE, (transport, library) -> {
            if (transport.rank() == 1) {
                transport.fail(reason);
                transport.fail("a consequence");
            } else {
                for (int call = 0; call < 2; call++) {
                    assertThatThrownBy(() -> transport.exchange(null, Arena.ofAuto().allocate(8), 1)).isInstanceOf(RankException.class)
                            .hasMessage("[ranks] rank 1 has failed: " + reason.substring(0, 1016));
                }
            }
            transport.close();
            assertThat(library.called).contains("MPI_Finalize");
        });
    }

    /** The stand-in adds from the last rank to the first. */
    @ParameterizedTest
    @EnumSource
    void theLibraryAddsWithTheHandlesOfTheInterface(MpiAbi abi) throws InterruptedException {
        onRanks(abi, 3, MINUTE, (transport, library) -> {
            EngineSums sums = transport.sums().orElseThrow();
            float[] large = {1, 1e8f, -1e8f};
            MemorySegment terms = sums.terms(5 * Float.BYTES);
            for (int i = 0; i < 5; i++) {
                terms.setAtIndex(ValueLayout.JAVA_FLOAT, i, i * large[transport.rank()]);
            }
            sums.reduceScatter(EngineSums.Type.F32, 2, 0, 3);
            float[] part = {transport.rank() == 0 ? 0 : 2, transport.rank() == 0 ? 1 : 3};
            if (transport.rank() != 1) {
                assertThat(terms.asSlice(0, 2 * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT)).as("(-1e8 + 1e8) + 1").containsExactly(part);
            }
            MemorySegment doubles = sums.terms(2 * Double.BYTES);
            doubles.setAtIndex(ValueLayout.JAVA_DOUBLE, 0, 1e-9 * large[transport.rank()]);
            doubles.setAtIndex(ValueLayout.JAVA_DOUBLE, 1, transport.rank());
            sums.allReduce(EngineSums.Type.F64, 2);
            assertThat(doubles.toArray(ValueLayout.JAVA_DOUBLE)).containsExactly(1e-9 * -1e8f + 1e-9 * 1e8f + 1e-9, 3);
            assertThat(sums.has(EngineSums.Type.BF16)).isFalse();
            transport.close();
            assertThat(library.called).endsWith("MPI_Finalize").doesNotContain("MPI_Cancel", "MPI_Abort");
        });
    }

    @Test
    void ranksThatDoNotAddTheSameSaySo() throws InterruptedException {
        List<String> messages = new CopyOnWriteArrayList<>();
        onRanks(MpiAbi.MPICH, 3, MINUTE, (transport, library) -> {
            EngineSums sums = transport.sums().orElseThrow();
            sums.terms(1000);
            assertThatThrownBy(() -> {
                try {
                    if (transport.rank() == 1) {
                        sums.reduceScatter(EngineSums.Type.F32, 1, 1, 1);
                    } else {
                        sums.allReduce(EngineSums.Type.F32, 3);
                    }
                } catch (RankException e) {
                    transport.fail(e.getMessage());
                    messages.add(e.getMessage());
                    throw e;
                }
            }).isInstanceOf(RankException.class);
            transport.close();
            assertThat(library.called).endsWith("MPI_Finalize").doesNotContain("MPI_Iallreduce", "MPI_Ireduce_scatter");
        });
        assertThat(messages).anyMatch(message -> message.matches("\\[ranks] rank \\d adds 3 elements \\(f32, (whole|in parts)\\), but rank \\d adds "
                + "3 elements \\(f32, (whole|in parts)\\): the ranks do not do the same"));
    }

    /** Nobody begins a sum to which not all come; then the library can end. */
    @ParameterizedTest
    @EnumSource
    void aFailureEndsTheWaitForASum(MpiAbi abi) throws InterruptedException {
        onRanks(abi, 4, MINUTE, (transport, library) -> {
            if (transport.rank() == 1) {
                transport.fail("the disk is full");
            } else {
                EngineSums sums = transport.sums().orElseThrow();
                sums.terms(8);
                assertThatThrownBy(() -> sums.allReduce(EngineSums.Type.F64, 1)).isInstanceOf(RankException.class)
                        .hasMessage("[ranks] rank 1 has failed: the disk is full");
            }
            transport.close();
            assertThat(library.called).endsWith("MPI_Finalize").doesNotContain("MPI_Iallreduce", "MPI_Abort");
        });
    }

    /** All have come to the sum, and it does not end: the library cannot end while it adds. */
    @Test
    void aFailureDuringASumEndsAllAtOnce() throws InterruptedException {
        onRanks(MpiAbi.STANDARD, 2, MINUTE / 20, (transport, library) -> {
            EngineSums sums = transport.sums().orElseThrow();
            sums.terms(8);
            library.insteadOfSums = transport.rank() == 1 ? Thread.currentThread()::interrupt : () -> { };
            assertThatThrownBy(() -> sums.allReduce(EngineSums.Type.F64, 1)).isInstanceOf(RankException.class).hasMessage(transport.rank() == 1
                    ? "[ranks] interrupted while waiting for another rank" : "[ranks] rank 1 has failed: interrupted");
            if (transport.rank() == 1) {
                Thread.interrupted();
                transport.fail("interrupted");
            }
            assertThatThrownBy(() -> sums.terms(8)).isInstanceOf(RankException.class).hasMessageContaining("has failed before");
            transport.close();
            assertThat(library.called).endsWith("MPI_Abort").doesNotContain("MPI_Finalize");
        });
    }

    @Test
    void aRankThatHasEndedIsNamed() throws InterruptedException {
        onRanks(MpiAbi.MPICH, 2, MINUTE, (transport, _) -> {
            if (transport.rank() == 0) {
                assertThatThrownBy(() -> transport.exchange(null, Arena.ofAuto().allocate(8), 1)).isInstanceOf(RankException.class)
                        .hasMessage("[ranks] rank 1 has ended without the message that is awaited");
            }
            transport.close();
        });
    }

    @Test
    void ranksThatDoNotDoTheSameSaySo() throws InterruptedException {
        onRanks(MpiAbi.OPEN_MPI, 2, MINUTE, (transport, _) -> {
            MemorySegment bytes = Arena.ofAuto().allocate(transport.rank() == 0 ? 8 : 16);
            assertThatThrownBy(() -> transport.exchange(bytes, null, 1 - transport.rank())).isInstanceOf(RankException.class)
                    .hasMessage(("[ranks] rank %d sends %d bytes and expects nothing, but rank %d expects nothing and sends %d bytes: the ranks do "
                            + "not do the same").formatted(1 - transport.rank(), transport.rank() == 0 ? 16 : 8, transport.rank(), bytes.byteSize()));
            transport.close();
        });
    }

    @Test
    void aRankThatDoesNotComeIsNamedAndTheEngineEndsAllAtLast() {
        var library = new FakeMpi(new FakeMpi.World(), MpiAbi.STANDARD, 0, 2);
        var calls = new MpiCalls(new MpiLibrary("libmpi_abi.so.0", MpiAbi.STANDARD, library));
        var transport = new MpiTransport(calls, TimeUnit.MILLISECONDS.toNanos(200));
        assertThatThrownBy(() -> transport.exchange(null, Arena.ofAuto().allocate(8), 1)).isInstanceOf(RankException.class)
                .hasMessageStartingWith("[ranks] rank 1 has not been heard of for 1 s")
                .hasMessageEndingWith("-Dkept.ranks.timeout=SECONDS waits longer");
        assertThat(library.called).doesNotContain("MPI_Abort");
        assertThatThrownBy(transport::close).isInstanceOf(RankException.class).hasMessageStartingWith("[ranks] rank 1 has not been heard of");
        assertThat(library.called).endsWith("MPI_Abort").contains("MPI_Cancel", "MPI_Request_free").doesNotContain("MPI_Finalize");
    }

    /** All messages have come; the process then ends without the engine. */
    @Test
    void anEngineThatDoesNotEndIsLeft() throws InterruptedException {
        var end = new CountDownLatch(1);
        onRanks(MpiAbi.MPICH, 2, TimeUnit.SECONDS.toNanos(2), (transport, library) -> {
            library.end = end;
            transport.close();
            assertThat(library.called).endsWith("MPI_Finalize").doesNotContain("MPI_Abort");
        });
        end.countDown();
    }

    /** Whoever has come to the launcher's barrier sleeps, and the barrier may not be complete when a rank is gone. */
    @Test
    void aRankThatStillLooksForMessagesLeavesTheEngineFirst() throws InterruptedException {
        var end = new CountDownLatch(1);
        var left = new CopyOnWriteArrayList<Integer>();
        onRanks(MpiAbi.MPICH, 3, TimeUnit.SECONDS.toNanos(2), (transport, library) -> {
            library.end = end;
            library.looksUntilTheEnd = transport.rank() == 1;
            transport.close();
            left.add(transport.rank());
        });
        assertThat(left).startsWith(1).hasSize(3);
        end.countDown();
    }

    @Test
    void aRankThatComputesForLongerThanTheTimeoutIsNotMissing() throws InterruptedException {
        onRanks(MpiAbi.STANDARD, 3, TimeUnit.SECONDS.toNanos(2), (transport, _) -> {
            if (transport.rank() == 2) {
                Thread.sleep(4000);
            }
            // Rank 0 waits for 1, which waits for 2.
            MemorySegment bytes = Arena.ofAuto().allocate(8);
            if (transport.rank() > 0) {
                transport.exchange(bytes, bytes.asSlice(0, 8), 3 - transport.rank());
            }
            if (transport.rank() < 2) {
                transport.exchange(bytes, bytes.asSlice(0, 8), 1 - transport.rank());
            }
            transport.close();
        });
    }

    @Test
    void aLibraryForOneThreadIsRefused() {
        var library = new FakeMpi(new FakeMpi.World(), MpiAbi.MPICH, 0, 2).threadLevel(1);
        var calls = new MpiCalls(new MpiLibrary("libmpich.so.12", MpiAbi.MPICH, library));
        assertThatThrownBy(() -> new MpiTransport(calls, MINUTE)).isInstanceOf(RankException.class)
                .hasMessage("[ranks] the MPI library libmpich.so.12 allows calls from one thread only (level 1, not 2); use one built with threads");
    }

    @Test
    void aMissingFunctionOrObjectIsNamed() {
        var library = new FakeMpi(new FakeMpi.World(), MpiAbi.OPEN_MPI, 0, 2);
        library.hidden.add("MPI_Comm_split_type");
        assertThatThrownBy(() -> new MpiCalls(new MpiLibrary("libmpi.so.40", MpiAbi.OPEN_MPI, library))).isInstanceOf(RankException.class)
                .hasMessage("[ranks] the MPI library libmpi.so.40 lacks MPI_Comm_split_type; name another by -Dkept.mpi=FILE");
        library.hidden.add("ompi_mpi_byte");
        assertThatThrownBy(() -> new MpiCalls(new MpiLibrary("libmpi.so.40", MpiAbi.OPEN_MPI, library))).isInstanceOf(RankException.class)
                .hasMessageContaining("the objects that its handles are the addresses of");
    }

    @Test
    void anErrorOfTheLibraryIsOneLine() {
        // The handles of another interface.
        var library = new FakeMpi(new FakeMpi.World(), MpiAbi.STANDARD, 0, 2);
        assertThatThrownBy(() -> new MpiTransport(new MpiCalls(new MpiLibrary("libmpi.so.40", MpiAbi.MPICH, library)), MINUTE))
                .isInstanceOf(RankException.class).hasMessage("[ranks] MPI_Comm_set_errhandler of libmpi.so.40 failed: code 5 of the fake");
    }
}

package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.cuda.nccl.ElementType;
import kept.cuda.nccl.NcclCalls;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The stand-in for NCCL: messages move when both streams have come to them, and each misuse is an error that says so. */
class VirtualNcclTest {
    private static final int COUNT = 6;

    private final VirtualMachine machine = new VirtualMachine(VirtualGpu.open().deferring(), VirtualGpu.open().deferring(),
            VirtualGpu.open().deferring());
    private final Driver driver = machine.driver();
    private final VirtualNccl nccl = machine.nccl();
    private final List<Rank> ranks = new ArrayList<>();

    /** A rank: its thread, and on its device a stream and two blocks of memory. */
    private final class Rank {
        private final ExecutorService thread = Executors.newSingleThreadExecutor();
        private final int number;
        private long context;
        private long stream;
        private long out;
        private long in;
        private long communicator;

        Rank(int number) {
            this.number = number;
        }

        void open(byte[] id, int size) {
            context = driver.retainPrimaryContext(number);
            driver.makeCurrent(context);
            stream = driver.createStream();
            out = driver.allocate(COUNT * Float.BYTES, stream);
            in = driver.allocate(COUNT * Float.BYTES, stream);
            driver.set(out, (byte) (number + 1), COUNT * Float.BYTES, stream);
            communicator = nccl.join(size, id, number);
        }

        /** What the block that messages come to has. */
        byte received() {
            MemorySegment host = MemorySegment.ofArray(new byte[COUNT * Float.BYTES]);
            driver.copyToHost(in, host, stream);
            return host.get(ValueLayout.JAVA_BYTE, COUNT * Float.BYTES - 1);
        }

        void send(int to) {
            nccl.send(out, COUNT, ElementType.F32, to, communicator, stream);
        }

        void receive(int from) {
            nccl.receive(in, COUNT, ElementType.F32, from, communicator, stream);
        }

        void exchange(int peer) {
            nccl.groupStart();
            send(peer);
            receive(peer);
            nccl.groupEnd();
            done();
        }

        void done() {
            while (!nccl.isDone(communicator)) {
                Thread.onSpinWait();
            }
        }

        void on(Runnable work) {
            try {
                thread.submit(work).get();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            } catch (ExecutionException e) {
                if (e.getCause() instanceof RuntimeException cause) {
                    throw cause;
                }
                throw new AssertionError(e);
            }
        }
    }

    private void join(int size) {
        byte[] id = nccl.uniqueId();
        for (int i = 0; i < size; i++) {
            var rank = new Rank(i);
            ranks.add(rank);
            rank.on(() -> rank.open(id, size));
        }
        ranks.forEach(rank -> rank.on(rank::done));
    }

    private void onEach(Consumer<Rank> work) {
        ranks.forEach(rank -> rank.on(() -> work.accept(rank)));
    }

    @AfterEach
    void end() {
        ranks.forEach(rank -> rank.thread.shutdownNow());
    }

    private static void refused(String message, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(CudaException.class).hasMessageStartingWith("[nccl] ").hasMessageContaining(message);
    }

    private void faults(String message, Runnable first, Runnable second) {
        assertThatThrownBy(() -> {
            var other = new Thread(() -> {
                try {
                    second.run();
                } catch (KernelFault e) {
                    // Each rank reports it; one is enough here.
                }
            });
            other.start();
            try {
                first.run();
            } finally {
                other.join();
            }
        }).isInstanceOf(KernelFault.class).hasMessageContaining(message);
    }

    /** Waits for the streams of both ranks, as two hosts do. */
    private void bothWaits(String message) {
        faults(message, () -> ranks.get(0).on(() -> driver.synchronize(ranks.get(0).stream)),
                () -> ranks.get(1).on(() -> driver.synchronize(ranks.get(1).stream)));
    }

    @Test
    void messagesMoveWhenBothStreamsHaveComeToThem() {
        join(2);
        Rank first = ranks.get(0);
        Rank second = ranks.get(1);
        onEach(rank -> rank.exchange(1 - rank.number));
        long event = reached(first);
        first.on(() -> assertThat(driver.isReached(event)).as("the other stream has not come to its message").isFalse());
        long other = reached(second);
        second.on(() -> assertThat(driver.isReached(other)).isTrue());
        first.on(() -> assertThat(driver.isReached(event)).isTrue());
        onEach(rank -> assertThat(rank.received()).isEqualTo((byte) (2 - rank.number)));
    }

    /** An event that is recorded again while its first record is still queued counts from its last record on, as in CUDA. */
    @Test
    void anEventIsReachedWhenItsLastRecordIs() {
        join(2);
        Rank first = ranks.get(0);
        Rank second = ranks.get(1);
        long event = reached(first);
        first.on(() -> {
            long own = driver.createStream();
            driver.awaitEvent(own, event);
            nccl.receive(first.in, COUNT, ElementType.F32, 1, first.communicator, own);
            first.done();
            driver.record(event, own);
            assertThat(driver.isReached(event)).as("nobody has sent").isFalse();
        });
        second.on(() -> {
            second.send(0);
            second.done();
            long other = driver.createEvent();
            driver.record(other, second.stream);
            driver.isReached(other);
        });
        first.on(() -> assertThat(driver.isReached(event)).isTrue());
    }

    private long reached(Rank rank) {
        long[] event = new long[1];
        rank.on(() -> {
            event[0] = driver.createEvent();
            driver.record(event[0], rank.stream);
        });
        return event[0];
    }

    /** A kernel that is queued before NCCL has done what a call asked for runs before the message. */
    @Test
    void messagesAreOnTheStreamOnlyWhenTheCommunicatorIsDone() {
        join(2);
        onEach(rank -> {
            driver.set(rank.in, (byte) 9, COUNT * Float.BYTES, rank.stream);
            nccl.groupStart();
            rank.send(1 - rank.number);
            rank.receive(1 - rank.number);
            nccl.groupEnd();
            driver.synchronize(rank.stream);
            assertThat(rank.received()).isEqualTo((byte) 9);
            refused("the last call of rank %d is not done yet".formatted(rank.number), () -> rank.send(1 - rank.number));
            assertThat(nccl.isDone(rank.communicator)).isFalse();
            assertThat(nccl.isDone(rank.communicator)).isTrue();
        });
    }

    @Test
    void anotherCountIsAFault() {
        join(2);
        ranks.get(0).on(() -> nccl.send(ranks.get(0).out, COUNT, ElementType.F32, 1, ranks.get(0).communicator, ranks.get(0).stream));
        ranks.get(1).on(() -> nccl.receive(ranks.get(1).in, COUNT - 1, ElementType.F32, 0, ranks.get(1).communicator, ranks.get(1).stream));
        onEach(Rank::done);
        bothWaits("rank 0 sends 6 elements (F32), and rank 1 expects 5 elements (F32)");
    }

    @Test
    void anotherTypeIsAFault() {
        join(2);
        ranks.get(0).on(() -> nccl.send(ranks.get(0).out, COUNT, ElementType.F32, 1, ranks.get(0).communicator, ranks.get(0).stream));
        ranks.get(1).on(() -> nccl.receive(ranks.get(1).in, COUNT, ElementType.I32, 0, ranks.get(1).communicator, ranks.get(1).stream));
        onEach(Rank::done);
        bothWaits("rank 0 sends 6 elements (F32), and rank 1 expects 6 elements (I32)");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void messagesThatWaitForEachOtherAreAFault(boolean sending) {
        join(2);
        onEach(rank -> {
            // Without a group, each sends first, or each receives first.
            for (boolean sends : new boolean[] {sending, !sending}) {
                if (sends) {
                    rank.send(1 - rank.number);
                } else {
                    rank.receive(1 - rank.number);
                }
                rank.done();
            }
        });
        bothWaits("the messages of ranks wait for each other for ever: rank 0 %s rank 1, rank 1 %s rank 0".formatted(
                sending ? "sends to" : "receives from", sending ? "sends to" : "receives from"));
    }

    @Test
    void aRingThatWaitsIsAFault() {
        join(3);
        onEach(rank -> {
            rank.send((rank.number + 1) % 3);
            rank.done();
            rank.receive((rank.number + 2) % 3);
            rank.done();
        });
        var others = new Thread(() -> {
            for (Rank rank : ranks.subList(1, 3)) {
                rank.thread.submit(() -> driver.synchronize(rank.stream));
            }
        });
        others.start();
        assertThatThrownBy(() -> ranks.get(0).on(() -> driver.synchronize(ranks.get(0).stream))).isInstanceOf(KernelFault.class)
                .hasMessageContaining("rank 0 sends to rank 1, rank 1 sends to rank 2, rank 2 sends to rank 0");
    }

    /** One that sends and one that receives first need no group. */
    @Test
    void messagesThatMeetNeedNoGroup() {
        join(2);
        onEach(rank -> {
            if (rank.number == 0) {
                rank.send(1);
            } else {
                rank.receive(0);
            }
            rank.done();
        });
        ranks.get(0).thread.submit(() -> driver.synchronize(ranks.get(0).stream));
        ranks.get(1).on(() -> assertThat(ranks.get(1).received()).isEqualTo((byte) 1));
    }

    @Test
    void twoThreadsInOneCommunicatorAreRefused() {
        join(2);
        Rank first = ranks.get(0);
        first.on(() -> {
            nccl.groupStart();
            first.send(1);
        });
        driver.makeCurrent(first.context);
        refused("is in a group of the communicator of rank 0", () -> first.receive(1));
        first.on(() -> {
            refused("within a group", () -> nccl.isDone(first.communicator));
            nccl.groupEnd();
        });
        assertThat(nccl.isDone(first.communicator)).as("one after the other they may").isFalse();
    }

    @Test
    void anotherDeviceIsRefused() {
        join(2);
        Rank first = ranks.get(0);
        first.on(() -> {
            driver.makeCurrent(ranks.get(1).context);
            refused("the communicator is of device 0, and device 1 is current", () -> first.send(1));
            driver.makeCurrent(first.context);
        });
        var fresh = Executors.newSingleThreadExecutor();
        assertThatThrownBy(() -> fresh.submit(() -> nccl.isDone(first.communicator)).get()).hasMessageContaining("no context is current");
        fresh.shutdownNow();
    }

    @Test
    void useAfterTheEndIsRefused() {
        join(2);
        onEach(rank -> {
            refused("before ncclCommFinalize", () -> nccl.destroy(rank.communicator));
            nccl.end(rank.communicator);
            rank.done();
            refused("has ended", () -> rank.send(1 - rank.number));
            refused("has ended before", () -> nccl.end(rank.communicator));
            nccl.destroy(rank.communicator);
            refused("it was destroyed or aborted", () -> rank.send(1 - rank.number));
            refused("it was destroyed or aborted", () -> nccl.isDone(rank.communicator));
            refused("no communicator", () -> nccl.destroy(rank.communicator));
            refused("no communicator", () -> nccl.abort(rank.communicator));
        });
        assertThat(nccl.open()).isZero();
    }

    @Test
    void anEndBeforeTheMessagesAreThroughIsRefused() {
        join(2);
        Rank first = ranks.get(0);
        first.on(() -> {
            first.exchange(1);
            refused("messages of rank 0 are under way", () -> nccl.end(first.communicator));
        });
    }

    @Test
    void wrongArgumentsAreRefused() {
        byte[] id = nccl.uniqueId();
        var rank = new Rank(0);
        ranks.add(rank);
        rank.on(() -> {
            rank.open(id, 2);
            refused("is not ready yet", () -> rank.send(1));
            refused("rank 2 of 2", () -> nccl.join(2, id, 2));
            refused("3 ranks, and 2 for another rank", () -> nccl.join(3, id, 1));
            refused("rank 0 has joined before", () -> nccl.join(2, id, 0));
            refused("Duplicate GPU detected: rank 1 and rank 0 both on CUDA device 0", () -> nccl.join(2, id, 1));
            refused("no id of ncclGetUniqueId", () -> nccl.join(2, new byte[NcclCalls.ID_BYTES], 1));
            refused("without ncclGroupStart", nccl::groupEnd);
        });
        var other = new Rank(1);
        ranks.add(other);
        other.on(() -> other.open(id, 2));
        rank.on(() -> {
            rank.done();
            refused("rank 0 with rank 0", () -> rank.send(0));
            refused("rank 0 with rank 2", () -> rank.receive(2));
            refused("0 elements", () -> nccl.send(rank.out, 0, ElementType.F32, 1, rank.communicator, rank.stream));
            refused("7 elements (F32) at", () -> nccl.send(rank.out, COUNT + 1, ElementType.F32, 1, rank.communicator, rank.stream));
            refused("received over", () -> {
                nccl.groupStart();
                nccl.send(rank.in, COUNT, ElementType.F32, 1, rank.communicator, rank.stream);
                nccl.receive(rank.in + Float.BYTES, COUNT - 1, ElementType.F32, 1, rank.communicator, rank.stream);
                nccl.groupEnd();
            });
            driver.free(rank.in, rank.stream);
            refused("at 0x", () -> rank.receive(1));
        });
    }

    @Test
    void whatWasNeverWrittenIsNotSent() {
        join(2);
        ranks.get(0).on(() -> nccl.send(ranks.get(0).in, COUNT, ElementType.F32, 1, ranks.get(0).communicator, ranks.get(0).stream));
        ranks.get(1).on(() -> ranks.get(1).receive(0));
        onEach(Rank::done);
        bothWaits("rank 0 sends 6 elements (F32), of which byte 0 of");
    }

    /** Queues a sum of each rank's block, and waits for all streams as all hosts do. */
    private void sum(Consumer<Rank> call) {
        onEach(call);
        onEach(Rank::done);
        List<Thread> hosts = ranks.stream().map(rank -> Thread.ofPlatform().start(() -> rank.on(() -> driver.synchronize(rank.stream)))).toList();
        for (Thread host : hosts) {
            try {
                host.join();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    private float[] floats(Rank rank, long address, int count) {
        float[] values = new float[count];
        rank.on(() -> driver.copyToHost(address, MemorySegment.ofArray(values), rank.stream));
        return values;
    }

    private void put(Rank rank, float... values) {
        rank.on(() -> {
            driver.copyToDevice(MemorySegment.ofArray(values), rank.out, rank.stream);
            driver.set(rank.in, (byte) 0, COUNT * Float.BYTES, rank.stream);
        });
    }

    /** From the last rank to the first: (-1e8 + 1e8) + 1. */
    @Test
    void sumsAreAddedFromTheLastRankToTheFirst() {
        join(3);
        float[] terms = {1, 1e8f, -1e8f};
        ranks.forEach(rank -> put(rank, terms[rank.number], 0, terms[rank.number], 0, 1, rank.number));
        sum(rank -> nccl.reduceScatter(rank.out, rank.in, 2, ElementType.F32, rank.communicator, rank.stream));
        assertThat(floats(ranks.get(0), ranks.get(0).in, 2)).containsExactly(1, 0);
        assertThat(floats(ranks.get(2), ranks.get(2).in, 2)).containsExactly(3, 3);
        sum(rank -> nccl.reduce(rank.out, rank.number == 1 ? rank.in : 0, 6, ElementType.F32, 1, rank.communicator, rank.stream));
        assertThat(floats(ranks.get(1), ranks.get(1).in, 6)).containsExactly(1, 0, 1, 0, 3, 3);
        assertThat(floats(ranks.get(2), ranks.get(2).in, 2)).as("not the root").containsExactly(3, 3);
        sum(rank -> nccl.allReduce(rank.out, 6, ElementType.F32, rank.communicator, rank.stream));
        ranks.forEach(rank -> assertThat(floats(rank, rank.out, 6)).containsExactly(1, 0, 1, 0, 3, 3));
    }

    @Test
    void sumsThatDifferAreAFault() {
        join(2);
        onEach(rank -> nccl.allReduce(rank.out, COUNT - rank.number, ElementType.F32, rank.communicator, rank.stream));
        onEach(Rank::done);
        bothWaits("ncclAllReduce of 5 elements (F32)");
    }

    @Test
    void aSumAndAMessageThatWaitForEachOtherAreAFault() {
        join(2);
        ranks.get(0).on(() -> nccl.allReduce(ranks.get(0).out, COUNT, ElementType.F32, ranks.get(0).communicator, ranks.get(0).stream));
        ranks.get(1).on(() -> ranks.get(1).send(0));
        onEach(Rank::done);
        bothWaits("rank 0 adds by ncclAllReduce, rank 1 sends to rank 0");
    }

    @Test
    void whatWasNeverWrittenIsNotAdded() {
        join(2);
        onEach(rank -> nccl.allReduce(rank.in, COUNT, ElementType.F32, rank.communicator, rank.stream));
        onEach(Rank::done);
        bothWaits("adds ncclAllReduce of 6 elements (F32), of which byte 0 of");
    }

    @Test
    void wrongSumsAreRefused() {
        join(2);
        Rank rank = ranks.get(0);
        rank.on(() -> {
            refused("7 elements (F32) at", () -> nccl.allReduce(rank.out, COUNT + 1, ElementType.F32, rank.communicator, rank.stream));
            refused("4 elements (F32) for each rank at", () -> nccl.reduceScatter(rank.out, rank.in, 4, ElementType.F32, rank.communicator,
                    rank.stream));
            refused("over other terms than its own", () -> nccl.reduceScatter(rank.out, rank.out + 4, 3, ElementType.F32, rank.communicator,
                    rank.stream));
            refused("root 2", () -> nccl.reduce(rank.out, rank.in, 3, ElementType.F32, 2, rank.communicator, rank.stream));
            refused("(U8)", () -> nccl.allReduce(rank.out, 3, ElementType.U8, rank.communicator, rank.stream));
            refused("messages and sums in one group", () -> {
                nccl.groupStart();
                rank.send(1);
                nccl.allReduce(rank.in, COUNT, ElementType.F32, rank.communicator, rank.stream);
                nccl.groupEnd();
            });
        });
    }

    @Test
    void anAbortEndsTheMessagesAndIsToldToTheOthers() {
        join(2);
        Rank first = ranks.get(0);
        Rank second = ranks.get(1);
        first.on(() -> first.exchange(1));
        first.on(() -> {
            nccl.abort(first.communicator);
            driver.synchronize(first.stream);
        });
        second.on(() -> refused("the communicator has failed: remote process exited", () -> nccl.isDone(second.communicator)));
    }
}

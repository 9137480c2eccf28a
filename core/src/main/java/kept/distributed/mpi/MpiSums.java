package kept.distributed.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import kept.distributed.EngineSums;
import kept.distributed.RankException;

/**
 * The sums of an MPI library, which do not block, so that a rank that waits looks for the others. Before a sum the ranks tell each other in
 * {@code log2(size)} messages what they add: a sum begins when all have come to it, since unlike messages it cannot be given up.
 */
final class MpiSums implements EngineSums {
    /** Of a message before a sum. */
    static final int WORDS = 3;

    private final MpiTransport transport;
    private final MpiCalls mpi;
    private final int tag;
    private final MemorySegment own;
    private final MemorySegment theirs;
    private final MemorySegment counts;
    private final List<MpiCalls.Request> messages = new ArrayList<>();
    private Arena arena = Arena.ofShared();
    private MemorySegment memory = arena.allocate(0);
    /** The sum under way; null for none. */
    private MpiCalls.Request sum;

    /**
     * Sums over all ranks.
     *
     * @param transport their transport
     * @param mpi the library
     * @param tag the tag of the messages before a sum, which no others have
     * @param fixed for memory that stays as long as the transport
     */
    MpiSums(MpiTransport transport, MpiCalls mpi, int tag, Arena fixed) {
        this.transport = transport;
        this.mpi = mpi;
        this.tag = tag;
        own = fixed.allocate(WORDS * Long.BYTES, 8);
        theirs = fixed.allocate(WORDS * Long.BYTES, 8);
        counts = fixed.allocate(ValueLayout.JAVA_INT, transport.size());
    }

    int tag() {
        return tag;
    }

    /** MPI has no BF16. */
    @Override
    public boolean has(Type type) {
        return type != Type.BF16;
    }

    @Override
    public MemorySegment terms(long bytes) {
        if (sum != null) {
            throw new RankException("[ranks] a sum of rank %d has failed before".formatted(transport.rank()));
        }
        if (bytes > memory.byteSize()) {
            arena.close();
            arena = Arena.ofShared();
            memory = arena.allocate(bytes, 64);
        }
        return memory.asSlice(0, bytes);
    }

    @Override
    public void allReduce(Type type, int count) {
        add(type, count, 0, () -> mpi.allReduce(memory.asSlice(0, (long) count * type.bytes()), type));
    }

    @Override
    public void reduceScatter(Type type, int... parts) {
        long count = IntStream.of(parts).asLongStream().sum();
        add(type, count, Arrays.hashCode(parts), () -> {
            MemorySegment.copy(parts, 0, counts, ValueLayout.JAVA_INT, 0, parts.length);
            return mpi.reduceScatter(memory.asSlice(0, count * type.bytes()), counts, type);
        });
    }

    private void add(Type type, long count, long division, Supplier<MpiCalls.Request> begin) {
        agree(type.ordinal(), count, division);
        transport.call(() -> sum = begin.get());
        try {
            transport.awaitAll(sum::isDone);
        } catch (RankException e) {
            // It ends without the rank that failed, which has come to it too.
            sum = transport.isDoneSoon(sum::isDone) ? null : sum;
            throw e;
        }
        sum = null;
    }

    /** Each rank hears, over others, of every rank that it has come to a sum, and of some what these add: if not all add the same, some say so. */
    private void agree(long... words) {
        try {
            for (int distance = 1; distance < transport.size(); distance *= 2) {
                int to = (transport.rank() + distance) % transport.size();
                int from = Math.floorMod(transport.rank() - distance, transport.size());
                transport.call(() -> {
                    MemorySegment.copy(words, 0, own, ValueLayout.JAVA_LONG, 0, WORDS);
                    messages.add(mpi.receive(theirs, from, tag));
                    messages.add(mpi.send(own, to, tag));
                });
                transport.await(this::areDone, from, MpiTransport.WATCHFUL_NANOS, MpiTransport.LONGEST_NANOS);
                requireSame(own.toArray(ValueLayout.JAVA_LONG), theirs.toArray(ValueLayout.JAVA_LONG), from);
            }
        } catch (RankException e) {
            transport.giveUp(this::cancel);
            throw e;
        }
    }

    private boolean areDone() {
        messages.removeIf(MpiCalls.Request::isDone);
        return messages.isEmpty();
    }

    private void requireSame(long[] mine, long[] other, int from) {
        if (!Arrays.equals(mine, other)) {
            throw new RankException("[ranks] rank %d adds %s, but rank %d adds %s: the ranks do not do the same".formatted(from, text(other),
                    transport.rank(), text(mine)));
        }
    }

    private static String text(long... words) {
        String type = Type.values()[(int) words[0]].name().toLowerCase(Locale.ROOT);
        return "%d elements (%s, %s)".formatted(words[1], type, words[2] == 0 ? "whole" : "in parts");
    }

    /** Gives up the messages under way; called while the transport's lock is held. */
    void cancel() {
        messages.forEach(MpiCalls.Request::cancel);
        messages.clear();
    }

    /** Whether a sum was begun that has not ended; the library then cannot end either. */
    boolean isUnderWay() {
        return sum != null;
    }

    /** Frees the memory after the library has ended. */
    void close() {
        arena.close();
    }
}

package kept.cuda.virtual;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import kept.cuda.driver.CudaException;
import kept.cuda.nccl.ElementType;
import kept.cuda.nccl.NcclCalls;

/**
 * NCCL between the devices of a virtual machine, whose ranks are threads. Like communicators that do not block, it does what a call asks for only
 * when {@link #isDone} is asked: messages are then queued on their streams, and move when both streams have come to them. Sums are there
 * when the streams of all ranks have come to them, and are added from the last rank to the first. What NCCL leaves undefined,
 * or where it waits for ever, is an error here.
 */
public final class VirtualNccl implements NcclCalls {
    /** Codes of ncclResult_t. */
    private static final int INVALID_ARGUMENT = 4;
    private static final int INVALID_USAGE = 5;
    private static final int MOST_BYTES_AN_ELEMENT = 8;
    private static final int USUAL_VERSION = 23_007;

    private final VirtualMachine machine;
    private final AtomicLong handles = new AtomicLong(0x9000);
    private final AtomicInteger ids = new AtomicInteger();
    private final Map<Long, VirtualClique.Member> members = new ConcurrentHashMap<>();
    private final Map<Integer, VirtualClique> cliques = new HashMap<>();
    private final ThreadLocal<Group> groups = new ThreadLocal<>();
    private final Map<Integer, Integer> versions = new ConcurrentHashMap<>();
    private final AtomicLong bytes = new AtomicLong();
    private volatile boolean tellsOfAborts = true;

    /** The messages and sums of a group that a thread has begun. */
    private static final class Group {
        private final List<Posted> messages = new ArrayList<>();
        private int depth = 1;
    }

    private record Posted(VirtualClique.Member member, long stream, VirtualClique.Work work) {}

    VirtualNccl(VirtualMachine machine) {
        this.machine = machine;
    }

    static CudaException failure(int status, String call, String text) {
        return new CudaException(status, "[nccl] %s: %s (%d)".formatted(call, text, status));
    }

    private static CudaException misuse(String call, String text) {
        return failure(INVALID_USAGE, call, text);
    }

    /** Sets the version that the library reports to the rank of a device. */
    public void version(int device, int reported) {
        versions.put(device, reported);
    }

    /** Sets whether the others learn that a rank has aborted its communicator, as over a network, or wait for ever, as over NVLink. */
    public void tellOfAborts(boolean tells) {
        tellsOfAborts = tells;
    }

    boolean tellsOfAborts() {
        return tellsOfAborts;
    }

    /** The bytes of all messages sent so far. */
    public long bytes() {
        return bytes.get();
    }

    @Override
    public int version() {
        return versions.getOrDefault(device("ncclGetVersion"), USUAL_VERSION);
    }

    @Override
    public byte[] uniqueId() {
        return ByteBuffer.allocate(ID_BYTES).putInt(ids.incrementAndGet()).array();
    }

    @Override
    public synchronized long join(int ranks, byte[] id, int rank) {
        String call = "ncclCommInitRankConfig";
        int number = ByteBuffer.wrap(id).getInt();
        if (id.length != ID_BYTES || number < 1 || number > ids.get()) {
            throw failure(INVALID_ARGUMENT, call, "no id of ncclGetUniqueId");
        }
        if (ranks < 1 || rank < 0 || rank >= ranks) {
            throw failure(INVALID_ARGUMENT, call, "rank %d of %d".formatted(rank, ranks));
        }
        VirtualClique clique = cliques.computeIfAbsent(number, _ -> new VirtualClique(this, ranks));
        VirtualClique.Member member = clique.join(ranks, rank, device(call), machine.gpu(device(call)));
        long handle = handles.incrementAndGet();
        members.put(handle, member);
        return handle;
    }

    private int device(String call) {
        Integer current = machine.current();
        if (current == null) {
            throw misuse(call, "no context is current on this thread");
        }
        return current;
    }

    /** The member behind a handle, which the calling thread may use. */
    private VirtualClique.Member member(String call, long communicator) {
        VirtualClique.Member member = members.get(communicator);
        if (member == null) {
            throw failure(INVALID_ARGUMENT, call, "no communicator 0x%x: it was destroyed or aborted, or never was".formatted(communicator));
        }
        if (device(call) != member.device()) {
            throw misuse(call, "the communicator is of device %d, and device %d is current".formatted(member.device(), device(call)));
        }
        member.usedBy(Thread.currentThread());
        return member;
    }

    @Override
    public boolean isDone(long communicator) {
        VirtualClique.Member member = member("ncclCommGetAsyncError", communicator);
        if (groups.get() != null) {
            throw misuse("ncclCommGetAsyncError", "within a group, which must end before");
        }
        return member.proceed();
    }

    @Override
    public void groupStart() {
        Group group = groups.get();
        if (group == null) {
            groups.set(new Group());
        } else {
            group.depth++;
        }
    }

    @Override
    public void groupEnd() {
        Group group = groups.get();
        if (group == null) {
            throw misuse("ncclGroupEnd", "without ncclGroupStart");
        }
        if (--group.depth == 0) {
            groups.remove();
            launch(group.messages);
        }
    }

    private static void launch(List<Posted> messages) {
        Map<VirtualClique.Member, List<Posted>> byMember = new HashMap<>();
        messages.forEach(posted -> byMember.computeIfAbsent(posted.member(), _ -> new ArrayList<>()).add(posted));
        byMember.forEach((member, own) -> {
            member.leave();
            long stream = own.getFirst().stream();
            if (own.stream().anyMatch(posted -> posted.stream() != stream)) {
                throw misuse("ncclGroupEnd", "messages of one group on two streams");
            }
            member.launch(stream, own.stream().map(Posted::work).toList());
        });
    }

    @Override
    public void send(long address, long count, ElementType type, int peer, long communicator, long stream) {
        post("ncclSend", address, count, type, peer, communicator, stream);
    }

    @Override
    public void receive(long address, long count, ElementType type, int peer, long communicator, long stream) {
        post("ncclRecv", address, count, type, peer, communicator, stream);
    }

    private void post(String call, long address, long count, ElementType type, int peer, long communicator, long stream) {
        VirtualClique.Member member = member(call, communicator);
        member.requireReady(call);
        if (count < 1 || count > Long.MAX_VALUE / MOST_BYTES_AN_ELEMENT || peer < 0 || peer >= member.ranks() || peer == member.rank()) {
            throw failure(INVALID_ARGUMENT, call, "%d elements, rank %d with rank %d of %d".formatted(count, member.rank(), peer, member.ranks()));
        }
        var message = new VirtualClique.Message(call.equals("ncclSend"), address, count, type, peer);
        member.requireMemory(call, message, address, message.bytes());
        bytes.addAndGet(message.sends() ? message.bytes() : 0);
        post(new Posted(member, stream, message));
    }

    private void post(Posted posted) {
        Group group = groups.get();
        if (group == null) {
            launch(List.of(posted));
        } else {
            posted.member().enter();
            group.messages.add(posted);
        }
    }

    @Override
    public void allReduce(long address, long count, ElementType type, long communicator, long stream) {
        add(new VirtualSum("ncclAllReduce", address, address, count, type, VirtualSum.EVERYBODY), communicator, stream);
    }

    @Override
    public void reduceScatter(long terms, long sum, long count, ElementType type, long communicator, long stream) {
        add(new VirtualSum("ncclReduceScatter", terms, sum, count, type, VirtualSum.EACH_ITS_PART), communicator, stream);
    }

    @Override
    public void reduce(long terms, long sum, long count, ElementType type, int root, long communicator, long stream) {
        if (root < 0 || root >= member("ncclReduce", communicator).ranks()) {
            throw failure(INVALID_ARGUMENT, "ncclReduce", "root %d".formatted(root));
        }
        add(new VirtualSum("ncclReduce", terms, sum, count, type, root), communicator, stream);
    }

    private void add(VirtualSum sum, long communicator, long stream) {
        VirtualClique.Member member = member(sum.call(), communicator);
        member.requireReady(sum.call());
        if (sum.count() < 1 || sum.count() > Long.MAX_VALUE / MOST_BYTES_AN_ELEMENT / member.ranks()
                || sum.type() != ElementType.F32 && sum.type() != ElementType.BF16) {
            throw failure(INVALID_ARGUMENT, sum.call(), sum.toString());
        }
        member.requireMemory(sum.call(), sum, sum.terms(), sum.termBytes(member.ranks()));
        if (sum.isFor(member.rank())) {
            member.requireMemory(sum.call(), sum, sum.sum(), sum.bytes());
            if (sum.isOverItsTerms(member.rank(), member.ranks())) {
                throw failure(INVALID_ARGUMENT, sum.call(), "%s added over other terms than its own".formatted(sum));
            }
        }
        bytes.addAndGet(sum.termBytes(member.ranks()));
        post(new Posted(member, stream, sum));
    }

    @Override
    public void end(long communicator) {
        member("ncclCommFinalize", communicator).end();
    }

    @Override
    public void destroy(long communicator) {
        member("ncclCommDestroy", communicator).requireEnded();
        members.remove(communicator);
    }

    @Override
    public void abort(long communicator) {
        VirtualClique.Member member = members.remove(communicator);
        if (member == null) {
            throw failure(INVALID_ARGUMENT, "ncclCommAbort", "no communicator 0x%x".formatted(communicator));
        }
        member.abort();
    }

    /** The number of communicators that have been neither destroyed nor aborted. */
    public int open() {
        return members.size();
    }
}

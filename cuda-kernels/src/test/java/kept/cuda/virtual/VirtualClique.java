package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import kept.cuda.nccl.ElementType;

/** The communicators with one unique id, one for each rank, and the messages between them. */
final class VirtualClique {
    private static final int INVALID_ARGUMENT = 4;
    private static final int INVALID_USAGE = 5;
    private static final int REMOTE_ERROR = 6;

    private static final byte ANYTHING = 0x5a;

    private final VirtualNccl nccl;
    private final Member[] members;

    VirtualClique(VirtualNccl nccl, int ranks) {
        this.nccl = nccl;
        members = new Member[ranks];
    }

    /** What a rank asks for. */
    sealed interface Work permits Message, VirtualSum { }

    /** A message that a rank sends or receives. */
    record Message(boolean sends, long address, long count, ElementType type, int peer) implements Work {
        long bytes() {
            return count * type.bytes();
        }

        @Override
        public String toString() {
            return "%d elements (%s)".formatted(count, type);
        }
    }

    /** A group of messages, or of sums, on the stream of a device. */
    private static final class Launch {
        private final List<Message> open = new ArrayList<>();
        private final List<VirtualSum> sums = new ArrayList<>();
        /** What is wrong with it, found from another rank. */
        private KernelFault fault;

        Launch(List<Work> works) {
            for (Work work : works) {
                switch (work) {
                    case Message message -> open.add(message);
                    case VirtualSum sum -> sums.add(sum);
                }
            }
        }

        boolean isEmpty() {
            return open.isEmpty() && sums.isEmpty();
        }
    }

    /** Lets a rank join. */
    synchronized Member join(int ranks, int rank, int device, VirtualGpu gpu) {
        String call = "ncclCommInitRankConfig";
        if (ranks != members.length) {
            throw VirtualNccl.failure(INVALID_ARGUMENT, call, "%d ranks, and %d for another rank".formatted(ranks, members.length));
        }
        if (members[rank] != null) {
            throw VirtualNccl.failure(INVALID_ARGUMENT, call, "rank %d has joined before".formatted(rank));
        }
        for (Member other : members) {
            if (other != null && other.device == device) {
                throw VirtualNccl.failure(INVALID_USAGE, call, "Duplicate GPU detected: rank %d and rank %d both on CUDA device %d"
                        .formatted(rank, other.rank, device));
            }
        }
        members[rank] = new Member(rank, device, gpu);
        return members[rank];
    }

    private boolean isComplete() {
        for (Member member : members) {
            if (member == null) {
                return false;
            }
        }
        return true;
    }

    /** The communicator of one rank. */
    final class Member {
        private final int rank;
        private final int device;
        private final VirtualGpu gpu;
        /** The thread that has begun a group with messages of this communicator. */
        private final AtomicReference<Thread> user = new AtomicReference<>();
        private long stream;
        /** A group that has ended and is not on the stream yet. */
        private Launch launched;
        /** The group that the stream has come to. */
        private Launch current;
        private int unfinished;
        private boolean ready;
        private boolean ended;
        private boolean aborted;
        private CudaFailure failure;

        private Member(int rank, int device, VirtualGpu gpu) {
            this.rank = rank;
            this.device = device;
            this.gpu = gpu;
        }

        int rank() {
            return rank;
        }

        int device() {
            return device;
        }

        int ranks() {
            return members.length;
        }

        /** A call of a thread; another one may not be in a group. */
        void usedBy(Thread thread) {
            Thread other = user.get();
            if (other != null && other != thread) {
                throw VirtualNccl.failure(INVALID_USAGE, "a call of thread '%s'".formatted(thread.getName()),
                        "thread '%s' is in a group of the communicator of rank %d".formatted(other.getName(), rank));
            }
        }

        void enter() {
            Thread thread = Thread.currentThread();
            if (!user.compareAndSet(null, thread)) {
                usedBy(thread);
            }
        }

        void leave() {
            user.set(null);
        }

        void requireReady(String call) {
            synchronized (VirtualClique.this) {
                if (!ready || ended || launched != null) {
                    throw VirtualNccl.failure(INVALID_USAGE, call, !ready ? "the communicator of rank %d is not ready yet".formatted(rank)
                            : ended ? "the communicator of rank %d has ended".formatted(rank)
                            : "the last call of rank %d is not done yet".formatted(rank));
                }
            }
        }

        /** The memory of a message is the device's, and in use. */
        void requireMemory(String call, Work work, long address, long bytes) {
            Allocation allocation = gpu.memory().find(address, bytes);
            if (allocation == null || allocation.isReleased()) {
                throw VirtualNccl.failure(INVALID_ARGUMENT, call, "%s at 0x%x of device %d, %s".formatted(work, address, device,
                        gpu.memory().describe(address)));
            }
        }

        void launch(long on, List<Work> works) {
            var next = new Launch(works);
            if (!next.open.isEmpty() && !next.sums.isEmpty()) {
                throw VirtualNccl.failure(INVALID_USAGE, "ncclGroupEnd", "messages and sums in one group");
            }
            for (Message read : next.open) {
                for (Message written : next.open) {
                    if (written != read && !written.sends() && read.address() < written.address() + written.bytes()
                            && written.address() < read.address() + read.bytes()) {
                        throw VirtualNccl.failure(INVALID_USAGE, "ncclGroupEnd", "%s received over %s of the same group".formatted(written, read));
                    }
                }
            }
            synchronized (VirtualClique.this) {
                stream = on;
                launched = next;
            }
        }

        /** Does what the last call has asked for; returns whether it is done. */
        boolean proceed() {
            Launch next;
            synchronized (VirtualClique.this) {
                if (failure != null) {
                    throw VirtualNccl.failure(failure.status(), "the communicator has failed", failure.text());
                }
                if (!ready) {
                    ready = isComplete();
                    return false;
                }
                next = launched;
                launched = null;
                unfinished += next == null ? 0 : 1;
            }
            if (next != null) {
                gpu.streams().addTried(stream, () -> isThrough(next));
                return false;
            }
            return true;
        }

        /** Moves the messages of a group that the stream has come to, as far as the other ranks have come to theirs. */
        private boolean isThrough(Launch launch) {
            synchronized (VirtualClique.this) {
                if (aborted) {
                    launch.open.stream().filter(message -> !message.sends()).forEach(message -> putAnything(message.address(), message.bytes()));
                    launch.sums.stream().filter(sum -> sum.isFor(rank)).forEach(sum -> putAnything(sum.sum(), sum.bytes()));
                    return true;
                }
                current = launch;
                launch.open.removeIf(message -> moves(message));
                addUp();
                if (launch.fault == null && !launch.isEmpty() && isStuck(this, new boolean[members.length])) {
                    launch.fault = new KernelFault("[nccl] the messages of ranks wait for each other for ever: " + waiting()
                            + "; a group sends and receives at the same time");
                    for (Member member : members) {
                        if (member.current != null && member.current.fault == null) {
                            member.current.fault = launch.fault;
                        }
                    }
                }
                if (launch.fault != null || launch.isEmpty()) {
                    current = null;
                    unfinished--;
                }
                if (launch.fault != null) {
                    throw launch.fault;
                }
                return launch.isEmpty();
            }
        }

        /** Adds if the streams of all ranks have come to their sums. */
        private void addUp() {
            for (Member member : members) {
                if (member.current == null || member.current.sums.isEmpty()) {
                    return;
                }
            }
            try {
                for (int i = 0; i < current.sums.size(); i++) {
                    addUp(i);
                }
            } catch (KernelFault e) {
                for (Member member : members) {
                    member.current.fault = e;
                }
            }
            for (Member member : members) {
                member.current.sums.clear();
            }
        }

        private void addUp(int index) {
            VirtualSum own = current.sums.get(index);
            byte[][] terms = new byte[members.length][];
            for (Member member : members) {
                VirtualSum other = index < member.current.sums.size() ? member.current.sums.get(index) : null;
                if (other == null || !other.isLike(own) || member.current.sums.size() != current.sums.size()) {
                    throw new KernelFault("[nccl] rank %d has %s, and rank %d %s".formatted(rank, own, member.rank,
                            other == null ? "no such sum" : other.toString()));
                }
                terms[member.rank] = member.terms(other);
            }
            for (Member member : members) {
                if (own.isFor(member.rank)) {
                    member.put(member.current.sums.get(index), terms);
                }
            }
        }

        private byte[] terms(VirtualSum sum) {
            long bytes = sum.termBytes(members.length);
            Allocation source = gpu.memory().find(sum.terms(), bytes);
            if (source == null) {
                throw new KernelFault("[nccl] memory of a sum of rank %d was freed before it was added".formatted(rank));
            }
            long unwritten = source.firstUnwritten(sum.terms() - source.base, bytes);
            if (unwritten >= 0) {
                throw new KernelFault("[nccl] rank %d adds %s, of which byte %,d of %s was never written".formatted(rank, sum, unwritten, source));
            }
            return source.read(sum.terms() - source.base, Math.toIntExact(bytes));
        }

        private void put(VirtualSum sum, byte[]... terms) {
            Allocation target = gpu.memory().find(sum.sum(), sum.bytes());
            if (target == null) {
                throw new KernelFault("[nccl] memory for a sum of rank %d was freed before it was added".formatted(rank));
            }
            int begin = Math.toIntExact(sum.begin(rank));
            byte[][] own = new byte[terms.length][];
            for (int other = 0; other < own.length; other++) {
                own[other] = Arrays.copyOfRange(terms[other], begin, begin + Math.toIntExact(sum.bytes()));
            }
            target.write(sum.sum() - target.base, sum.add(own));
        }

        /** Kernels that are queued behind an aborted message read what they find. */
        private void putAnything(long address, long bytes) {
            Allocation target = gpu.memory().find(address, bytes);
            if (target != null) {
                target.set(address - target.base, bytes, ANYTHING);
            }
        }

        /** Moves a message if the other rank's stream has come to the counterpart. */
        private boolean moves(Message message) {
            Member peer = members[message.peer()];
            if (peer.current == null) {
                return false;
            }
            Message counterpart = peer.current.open.stream().filter(other -> other.peer() == rank && other.sends() != message.sends()).findFirst()
                    .orElse(null);
            if (counterpart == null) {
                return false;
            }
            if (counterpart.count() != message.count() || counterpart.type() != message.type()) {
                Message sent = message.sends() ? message : counterpart;
                Message received = message.sends() ? counterpart : message;
                var fault = new KernelFault("[nccl] rank %d sends %s, and rank %d expects %s".formatted(received.peer(), sent, sent.peer(),
                        received));
                peer.current.fault = fault;
                current.fault = fault;
                return false;
            }
            try {
                if (message.sends()) {
                    copy(message, this, counterpart, peer);
                } else {
                    copy(counterpart, peer, message, this);
                }
            } catch (KernelFault e) {
                peer.current.fault = e;
                current.fault = e;
                return false;
            }
            peer.current.open.remove(counterpart);
            return true;
        }

        private static void copy(Message sent, Member from, Message received, Member to) {
            Allocation source = from.gpu.memory().find(sent.address(), sent.bytes());
            Allocation target = to.gpu.memory().find(received.address(), received.bytes());
            if (source == null || target == null) {
                throw new KernelFault("[nccl] memory of a message from rank %d to rank %d was freed before it moved".formatted(from.rank, to.rank));
            }
            long unwritten = source.firstUnwritten(sent.address() - source.base, sent.bytes());
            if (unwritten >= 0) {
                throw new KernelFault("[nccl] rank %d sends %s, of which byte %,d of %s was never written".formatted(from.rank, sent, unwritten,
                        source));
            }
            source.copy(sent.address() - source.base, sent.bytes(), target, received.address() - target.base);
        }

        /** Whether a member waits, over others that wait, for itself: what these have come to must end before they come to the counterpart. */
        private boolean isStuck(Member start, boolean[] seen) {
            for (Member peer : awaited()) {
                if (peer.current == null || peer.current.isEmpty()) {
                    continue;
                }
                if (peer == start) {
                    return true;
                }
                if (!seen[peer.rank]) {
                    seen[peer.rank] = true;
                    if (peer.isStuck(start, seen)) {
                        return true;
                    }
                }
            }
            return false;
        }

        /** Whom this rank waits for: the others of its messages, or all that have not come to a sum. */
        private List<Member> awaited() {
            List<Member> awaited = new ArrayList<>();
            current.open.forEach(message -> awaited.add(members[message.peer()]));
            for (Member member : members) {
                if (!current.sums.isEmpty() && (member.current == null || member.current.sums.isEmpty())) {
                    awaited.add(member);
                }
            }
            return awaited;
        }

        private String waiting() {
            List<String> texts = new ArrayList<>();
            for (Member member : members) {
                if (member.current != null) {
                    member.current.open.forEach(message -> texts.add("rank %d %s rank %d".formatted(member.rank,
                            message.sends() ? "sends to" : "receives from", message.peer())));
                    member.current.sums.forEach(sum -> texts.add("rank %d adds by %s".formatted(member.rank, sum.call())));
                }
            }
            return String.join(", ", texts);
        }

        void end() {
            synchronized (VirtualClique.this) {
                if (ended) {
                    throw VirtualNccl.failure(INVALID_USAGE, "ncclCommFinalize", "the communicator of rank %d has ended before".formatted(rank));
                }
                if (launched != null || unfinished > 0) {
                    throw VirtualNccl.failure(INVALID_USAGE, "ncclCommFinalize", "messages of rank %d are under way".formatted(rank));
                }
                ended = true;
            }
        }

        void requireEnded() {
            synchronized (VirtualClique.this) {
                if (!ended) {
                    throw VirtualNccl.failure(INVALID_USAGE, "ncclCommDestroy", "before ncclCommFinalize of rank %d".formatted(rank));
                }
            }
        }

        /** Ends the messages of this rank; the others learn of it from their network. */
        void abort() {
            synchronized (VirtualClique.this) {
                aborted = true;
                current = null;
                launched = null;
                for (Member other : members) {
                    if (other != null && other != this && !other.ended && nccl.tellsOfAborts()) {
                        other.failure = new CudaFailure(REMOTE_ERROR, "remote process exited or there was a network error");
                    }
                }
            }
        }
    }

    private record CudaFailure(int status, String text) {}
}

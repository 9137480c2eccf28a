package kept.distributed;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.MemoryReads;
import kept.tensor.internal.TensorInternals;

/**
 * Tensors whose elements lie divided over the ranks. Each rank keeps its part of each tensor; the whole tensors are used like any others: when an
 * operation reads or writes one, the parts of its group, such as the parameters of a layer, are gathered, and the group that was used least recently
 * is let go. The group that a {@link UseOrder} expects next is gathered meanwhile. Code that computes with the tensors needs no calls of its own, in
 * the backward pass either, which gathers saved tensors again.
 *
 * <p>Usually all ranks gather, so that they use the same groups in the same order. While one rank works {@linkplain #setAlone alone}, the others
 * {@linkplain #serve serve} it: they send it their parts, and take up those of tensors that it has written.
 *
 * <p>One thread uses the tensors. Parts begin at multiples of {@link #BLOCK} elements: whole blocks of 8-bit moments and whole chunks of sums of
 * squares, so that an optimizer of the parts has the bits of one of the wholes.
 */
public final class DividedTensors implements AutoCloseable {
    /** The number of elements that stay together. */
    public static final long BLOCK = 1 << 16;

    private final Communicator ranks;
    private final Scope scope;
    private final boolean staysWhole;
    private final int most;
    private final List<Members> groups = new ArrayList<>();
    /** The groups that are gathered, the one used last at the end. */
    private final SequencedSet<Members> present = new LinkedHashSet<>();
    private IntConsumer listener = _ -> { };
    /** Null while all ranks gather. */
    private Orders orders;
    /** Whether elements are being moved, which uses the memory too. */
    private boolean isMoving;
    /** The group that was used last in this pass; null if it was let go since. */
    private Members last;
    private UseOrder order;
    /** The group that is gathered while this rank computes; null for none. */
    private Members coming;
    private Arrival arrival;
    /** The thread that uses the tensors, as soon as another one moves elements. */
    private Thread user;

    /** How the rank that works alone reaches the others. */
    public interface Orders {
        /**
         * Tells all other ranks to {@linkplain DividedTensors#serve serve} this one.
         *
         * @param isWrite whether they are to take up their parts of a tensor, or to send those of all tensors of the group
         * @param group the group
         * @param tensor the tensor's number in the group, if it is written
         */
        void send(boolean isWrite, int group, int tensor);

        /**
         * Tells all other ranks that this one cannot go on with what it has ordered.
         *
         * @param error why
         */
        void fail(Throwable error);
    }

    private final class Members implements DividedTensor.Group {
        private final int index;
        private final List<DividedTensor> tensors = new ArrayList<>();

        Members(int index) {
            this.index = index;
        }

        @Override
        public void use() {
            if (!isMoving() && last != this) {
                listener.accept(index);
                if (!present.remove(this)) {
                    makeRoom();
                    gather(this);
                }
                present.addLast(this);
                last = this;
                if (order != null && orders == null) {
                    order.use(DividedTensors.this, index);
                }
            }
        }

        @Override
        public boolean isMoving() {
            return isMoving || user != null && Thread.currentThread() != user;
        }

        boolean isInUse() {
            return tensors.stream().anyMatch(tensor -> TensorInternals.isInUse(tensor.whole()));
        }
    }

    /**
     * No tensors yet.
     *
     * @param ranks this rank and the others, which add the same tensors in the same order
     * @param device where the tensors live
     * @param most the number of groups that are gathered at a time, 1 or more; 0 for all, whose memory then stays, with the parts in it
     */
    public DividedTensors(Communicator ranks, Device device, int most) {
        if (most < 0) {
            throw new TensorException("[divided tensors] %d groups cannot be gathered at a time".formatted(most));
        }
        this.ranks = ranks;
        this.staysWhole = most == 0;
        this.most = most == 0 ? Integer.MAX_VALUE : most;
        scope = Scope.detached(device);
    }

    /**
     * Adds a tensor of arbitrary contents.
     *
     * @param group its group, one of those there are or the next
     * @param dtype the element type
     * @param shape the whole's
     * @return the tensor, which lives until {@link #close}
     */
    public DividedTensor add(int group, DType dtype, Shape shape) {
        var division = new Division(shape.elementCount(), ranks.size(), BLOCK);
        return scope.run(() -> add(group, dtype, shape, division,
                staysWhole ? null : Tensor.empty(dtype, Shape.of(division.size(ranks.rank())))));
    }

    /**
     * Adds a tensor of which there are parts.
     *
     * @param group its group, one of those there are or the next
     * @param part this rank's, contiguous; belongs to the caller, and lives until {@link #close}
     * @param shape the whole's
     * @param division which elements are whose
     * @return the tensor
     */
    public DividedTensor add(int group, Tensor part, Shape shape, Division division) {
        Tensor own = Operands.flat("divided tensors", "the part", part);
        if (staysWhole || own.elementCount() != division.size(ranks.rank()) || shape.elementCount() != division.elements()) {
            throw new TensorException("[divided tensors] %s is not the part of rank %d of %s".formatted(part.shape(), ranks.rank(), shape));
        }
        return scope.run(() -> add(group, part.dtype(), shape, division, own));
    }

    private DividedTensor add(int group, DType dtype, Shape shape, Division division, Tensor part) {
        if (group == groups.size()) {
            groups.add(new Members(group));
        }
        Members members = groups.get(group);
        var tensor = new DividedTensor(members, members.tensors.size(), dtype, shape, division, part, ranks.rank());
        members.tensors.add(tensor);
        return tensor;
    }

    /**
     * Sets who is told before a group is used that is not the last one used.
     *
     * @param told gets the group's number
     */
    public void onUse(IntConsumer told) {
        listener = told;
    }

    /**
     * Sets the order in which all ranks use the groups, so that the next one is gathered while they compute. It then takes memory beside those that
     * are gathered at a time.
     *
     * @param expected tells what comes next; of these and perhaps other tensors
     */
    public void expect(UseOrder expected) {
        order = expected;
        expected.add(this);
    }

    /**
     * Lets one rank work alone, until {@link #setTogether}; every rank calls this.
     *
     * @param toOthers reaches all other ranks; null in those, which {@linkplain #serve serve} this one
     */
    public void setAlone(Orders toOthers) {
        settle();
        orders = toOthers;
    }

    /** Lets all ranks work together from now on; every rank calls this. The others take up what the one that worked alone has written. */
    public void setTogether() {
        settle();
        orders = null;
    }

    /**
     * Does what a rank that works alone has {@linkplain Orders ordered}.
     *
     * @param isWrite as ordered
     * @param group as ordered
     * @param tensor as ordered
     * @param alone the rank that works alone
     */
    public void serve(boolean isWrite, int group, int tensor, int alone) {
        Members members = groups.get(group);
        moving(() -> {
            if (isWrite) {
                DividedTensor written = members.tensors.get(tensor);
                if (written.part().elementCount() > 0) {
                    ranks.receive(written.part(), alone);
                }
                leave(members);
            } else if (staysWhole) {
                gatherTogether(members);
                present.addLast(members);
            } else {
                members.tensors.stream().filter(sent -> sent.part().elementCount() > 0).forEach(sent -> ranks.send(sent.part(), alone));
            }
        });
    }

    /**
     * Sets the elements of a tensor in every rank, each of which calls this with the same elements and takes its part.
     *
     * @param tensor the tensor
     * @param value contiguous, of the whole's dtype and size
     */
    public void set(DividedTensor tensor, Tensor value) {
        moving(() -> takeUp(tensor, Operands.flat("divided tensors", "the value", value.detach())));
        forget(members(tensor));
    }

    /**
     * Sets the elements of a tensor while this rank works alone; the others take up their parts.
     *
     * @param tensor the tensor
     * @param value contiguous, of the whole's dtype and size
     */
    public void send(DividedTensor tensor, Tensor value) {
        Members members = members(tensor);
        moving(() -> sendParts(members, tensor, Operands.flat("divided tensors", "the value", value.detach())));
        set(tensor, value);
    }

    /**
     * Changes parts, in every rank its own; the wholes are gathered anew when they are used next.
     *
     * @param change writes to parts alone
     */
    public void update(Runnable change) {
        letAllGo();
        moving(change);
    }

    /** The groups that are gathered, the one used last at the end. */
    List<Integer> gathered() {
        return present.stream().map(group -> group.index).toList();
    }

    /** The group that is on its way; -1 for none. */
    int arriving() {
        return coming == null ? -1 : coming.index;
    }

    private Members members(DividedTensor tensor) {
        return groups.stream().filter(group -> tensor.index() < group.tensors.size() && group.tensors.get(tensor.index()) == tensor).findFirst()
                .orElseThrow(() -> new TensorException("[divided tensors] %s is none of these tensors".formatted(tensor.whole().shape())));
    }

    private void moving(Runnable move) {
        boolean before = isMoving;
        isMoving = true;
        try {
            MemoryReads.unrecorded(move);
        } catch (RuntimeException | Error e) {
            if (orders != null) {
                orders.fail(e);
            }
            throw e;
        } finally {
            isMoving = before;
        }
    }

    /** Lets groups go until there is room for one more; a group that a kernel uses stays. */
    private void makeRoom() {
        while (present.size() >= most) {
            Members oldest = present.stream().filter(group -> !group.isInUse()).findFirst().orElse(null);
            if (oldest == null) {
                return;
            }
            letGo(oldest);
        }
    }

    private void letAllGo() {
        drop();
        List.copyOf(present).forEach(this::letGo);
    }

    /** The next use of any group counts as one, also of the group that was used last. */
    void forgetLast() {
        last = null;
    }

    /** Begins to gather a group that is used next, by all ranks together. */
    void fetch(int group) {
        Members next = groups.get(group);
        if (!present.contains(next) && coming != next) {
            drop();
            user = Thread.currentThread();
            moving(() -> arrival = new Arrival(next.tensors, staysWhole, ranks, scope.device()));
            coming = next;
        }
    }

    /** Waits for what is on its way, and does not use it. */
    private void drop() {
        if (coming != null) {
            coming = null;
            arrival.drop();
        }
    }

    /** Writes back what has been written. Memory that stays is then still that of all ranks; other memory may be that of one rank alone. */
    private void settle() {
        drop();
        List.copyOf(present).stream().filter(group -> !staysWhole || group.tensors.stream().anyMatch(DividedTensor::isChanged)).forEach(this::letGo);
    }

    private void letGo(Members group) {
        for (DividedTensor tensor : group.tensors) {
            if (tensor.isChanged()) {
                moving(() -> {
                    Tensor elements = Operands.flat("divided tensors", "the whole", tensor.whole().detach());
                    if (orders != null) {
                        sendParts(group, tensor, elements);
                    }
                    takeUp(tensor, elements);
                });
            }
        }
        forget(group);
    }

    /** The next use gathers the group. */
    private void forget(Members group) {
        if (coming == group) {
            drop();
        }
        leave(group);
        if (!staysWhole) {
            group.tensors.forEach(tensor -> TensorInternals.withdraw(tensor.whole()));
        }
    }

    private void leave(Members group) {
        present.remove(group);
        last = last == group ? null : last;
    }

    private void sendParts(Members group, DividedTensor tensor, Tensor elements) {
        orders.send(true, group.index, tensor.index());
        for (int peer = 0; peer < ranks.size(); peer++) {
            if (peer != ranks.rank() && tensor.division().size(peer) > 0) {
                ranks.send(Operands.part(elements, tensor.division(), peer), peer);
            }
        }
    }

    /** Takes this rank's part. */
    private void takeUp(DividedTensor tensor, Tensor elements) {
        Tensor own = Operands.part(elements, tensor.division(), ranks.rank());
        if (!own.overlaps(tensor.part())) {
            tensor.part().assign(own);
        }
        tensor.takenUp();
    }

    private void gather(Members group) {
        if (coming == group) {
            coming = null;
            moving(arrival::take);
            return;
        }
        drop();
        moving(() -> {
            if (orders != null) {
                orders.send(false, group.index, 0);
            }
            if (orders == null || staysWhole) {
                gatherTogether(group);
            } else {
                group.tensors.forEach(this::gatherAlone);
            }
        });
    }

    private void gatherTogether(Members group) {
        for (DividedTensor tensor : group.tensors) {
            if (staysWhole) {
                ranks.allGather(tensor.part(), tensor.whole().detach(), tensor.division());
            } else {
                lend(tensor, whole -> ranks.allGather(tensor.part(), whole, tensor.division()));
            }
        }
    }

    private void gatherAlone(DividedTensor tensor) {
        lend(tensor, whole -> {
            Tensor flat = Operands.flat("divided tensors", "the whole", whole);
            Operands.part(flat, tensor.division(), ranks.rank()).assign(Operands.flat("divided tensors", "the part", tensor.part()));
            for (int peer = 0; peer < ranks.size(); peer++) {
                if (peer != ranks.rank() && tensor.division().size(peer) > 0) {
                    ranks.receive(Operands.part(flat, tensor.division(), peer), peer);
                }
            }
        });
    }

    private void lend(DividedTensor tensor, Consumer<Tensor> fill) {
        try (var _ = Scope.open(scope.device())) {
            Tensor whole = Tensor.empty(tensor.whole().dtype(), tensor.whole().shape());
            fill.accept(whole);
            TensorInternals.lend(tensor.whole(), whole);
        }
    }

    /** Frees the tensors. */
    @Override
    public void close() {
        try {
            drop();
        } catch (RankException e) {
            // Whoever needed the other rank has been told.
        } finally {
            scope.close();
        }
    }
}

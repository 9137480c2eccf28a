package kept.distributed;

import java.util.Optional;
import java.util.function.Consumer;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;

/**
 * The processes of one task, called ranks, and the messages between them. Every rank makes the same calls of the collective operations ({@link
 * #broadcast}, {@link #allGather}, {@link #reduceScatter}, {@link #allReduce}, {@link #barrier}) in the same order, with tensors of the same sizes.
 *
 * <p>Tensors are contiguous and of any type; sums need a type that has a sum. A tensor of a device that the communicator does not reach directly goes
 * through host memory. No call is recorded for differentiation. A sum has the bits of the {@linkplain kept.distributed tree} over its leaves, unless
 * the {@linkplain #summingEngine engine} between the ranks is asked to add.
 *
 * <p>One thread at a time uses a communicator. A call that cannot finish because another rank has failed, ended or does not answer throws a {@link
 * RankException} that names the rank.
 */
public interface Communicator extends AutoCloseable {
    /**
     * The communicator of a single process, whose calls copy at most from one tensor into another.
     *
     * @return the communicator of rank 0 of 1
     */
    static Communicator single() {
        return SingleCommunicator.INSTANCE;
    }

    /**
     * This process's number.
     *
     * @return 0 to {@link #size} - 1
     */
    int rank();

    /**
     * The number of processes.
     *
     * @return 1 or more
     */
    int size();

    /**
     * This process's number among those of its machine.
     *
     * @return 0 to {@link #localSize} - 1
     */
    int localRank();

    /**
     * The number of processes on this machine.
     *
     * @return 1 or more
     */
    int localSize();

    /**
     * Sends a tensor to another rank, which {@linkplain #receive receives} it. May wait until it does.
     *
     * @param tensor the elements to send
     * @param to the other rank
     * @throws kept.tensor.TensorException if the tensor is not contiguous or there is no such other rank
     * @throws RankException if the other rank has failed or does not answer
     */
    void send(Tensor tensor, int to);

    /**
     * Receives a tensor that another rank {@linkplain #send sends}. Messages from one rank arrive in the order in which they were sent.
     *
     * @param tensor overwritten; of as many bytes as the other rank sends
     * @param from the other rank
     * @throws kept.tensor.TensorException if the tensor is not contiguous or there is no such other rank
     * @throws RankException if the other rank has failed, does not answer or sends another number of bytes
     */
    void receive(Tensor tensor, int from);

    /**
     * Sends a tensor to another rank and receives one from it at the same time. The other rank calls this too, or {@link #send} or {@link #receive}
     * where one side has nothing to send.
     *
     * @param sent the elements to send, or null for none
     * @param received overwritten, or null to receive none; shares no memory with {@code sent}
     * @param peer the other rank
     * @throws kept.tensor.TensorException if a tensor is not contiguous, they share memory, or there is no such other rank
     * @throws RankException if the other rank has failed, does not answer or sends another number of bytes
     */
    void exchange(Tensor sent, Tensor received, int peer);

    /**
     * Copies one rank's tensor to all ranks.
     *
     * @param tensor the elements of the root; overwritten in all other ranks
     * @param root the rank whose elements are copied
     */
    void broadcast(Tensor tensor, int root);

    /**
     * Joins the parts of all ranks: every rank then has all parts. Each rank sends its part to each other rank.
     *
     * @param part this rank's part; it may be its place in {@code whole}
     * @param whole overwritten
     * @param division which elements of {@code whole} are whose part
     * @throws kept.tensor.TensorException if the tensors are not of the sizes of the division, or not of one dtype and device
     */
    void allGather(Tensor part, Tensor whole, Division division);

    /**
     * Joins the parts of all ranks, which are the elements of {@code whole} divided evenly: {@link #allGather(Tensor, Tensor, Division)} with {@link
     * Division#of(long, int)}.
     *
     * @param part this rank's part; it may be its place in {@code whole}
     * @param whole overwritten
     */
    default void allGather(Tensor part, Tensor whole) {
        allGather(part, whole, Division.of(whole.elementCount(), size()));
    }

    /**
     * Adds the tensors of all ranks, of which each rank gets its part of the sum. Each rank sends each other rank that rank's part: as many bytes as
     * any other order of additions would need.
     *
     * @param whole this rank's term, the sum of its leaves; unchanged, unless {@code part} is a view of it. Ignored, and may be null, in a rank
     *     without leaves
     * @param part overwritten with this rank's part of the sum; it may be its place in {@code whole}
     * @param division which elements are whose part
     * @param leaves which leaves of the sum are whose; the sum has the bits of the tree over them
     * @throws kept.tensor.TensorException if the tensors are not of the sizes of the division, or not of one dtype and device
     */
    void reduceScatter(Tensor whole, Tensor part, Division division, Leaves leaves);

    /**
     * Adds the tensors of all ranks, one leaf each, of which each rank gets its part of the sum: {@link #reduceScatter(Tensor, Tensor, Division,
     * Leaves)} with {@link Division#of(long, int)}.
     *
     * @param whole this rank's term
     * @param part overwritten with this rank's part of the sum; it may be its place in {@code whole}
     */
    default void reduceScatter(Tensor whole, Tensor part) {
        reduceScatter(whole, part, Division.of(whole.elementCount(), size()), Leaves.of(size(), size()));
    }

    /**
     * Adds the tensors of all ranks; each rank gets the sum.
     *
     * @param tensor this rank's term, the sum of its leaves; overwritten with the sum. In a rank without leaves only overwritten
     * @param leaves which leaves of the sum are whose; the sum has the bits of the tree over them
     */
    void allReduce(Tensor tensor, Leaves leaves);

    /**
     * Adds the tensors of all ranks, one leaf each; each rank gets the sum.
     *
     * @param tensor this rank's term; overwritten with the sum
     */
    default void allReduce(Tensor tensor) {
        allReduce(tensor, Leaves.of(size(), size()));
    }

    /**
     * The engine between the ranks, if it adds tensors of a kind itself, in an order of its own.
     *
     * @param dtype the element type of the tensors
     * @param device where they live
     * @return its name; empty if {@link #reduceScatterByEngine} and {@link #allReduceByEngine} add them in the tree, one leaf a rank
     */
    default Optional<String> summingEngine(DType dtype, Device device) {
        return Optional.empty();
    }

    /**
     * Adds the tensors of all ranks in an order that the {@linkplain #summingEngine engine} chooses; each rank gets its part of the sum. The bits
     * depend on the number of ranks, the engine, its version and its settings; with all of these alike they are the same each time.
     *
     * @param whole this rank's term, zeros in a rank without one; unchanged, unless {@code part} is a view of it
     * @param part overwritten with this rank's part of the sum; it may be its place in {@code whole}
     * @param division which elements are whose part
     * @throws kept.tensor.TensorException if the tensors are not of the sizes of the division, or not of one dtype and device
     * @throws RankException if another rank has failed, does not answer or does not add the same
     */
    default void reduceScatterByEngine(Tensor whole, Tensor part, Division division) {
        reduceScatter(whole, part, division, Leaves.of(size(), size()));
    }

    /**
     * Adds the tensors of all ranks in an order that the engine chooses, as {@link #reduceScatterByEngine} does; every rank gets the sum, with the
     * same bits.
     *
     * @param tensor this rank's term, zeros in a rank without one; overwritten with the sum
     * @throws RankException if another rank has failed, does not answer or does not add the same
     */
    default void allReduceByEngine(Tensor tensor) {
        allReduce(tensor);
    }

    /**
     * Begins calls that go on while this rank does something else, such as computing. They are made on another communicator over the same ranks, so
     * that its messages and those of this one do not mix; every rank begins the same calls in the same order. Calls that are begun follow those that
     * were begun before. Where nothing can go on meanwhile, they end before this returns.
     *
     * @param device where the tensors of the calls live
     * @param calls makes the calls, perhaps in another thread, and computes nothing, so that sums are refused; the tensors of the calls are used for
     *     nothing else until they have ended
     * @return to be awaited before the tensors are used or freed
     */
    Pending begin(Device device, Consumer<Communicator> calls);

    /** Calls that have been begun. */
    interface Pending {
        /**
         * Waits until the calls have ended.
         *
         * @throws RankException if another rank has failed or does not answer
         */
        void await();
    }

    /** Waits until every rank is here. */
    void barrier();

    /**
     * Counts the elements that this rank has sent.
     *
     * @return bytes of all tensors sent so far, each as often as it was sent; for sums of the engine, which does not tell, those of the tree
     */
    long bytesSent();

    /**
     * What carries the tensors of a device, for messages.
     *
     * @param device where the tensors live
     * @return a name and version such as {@code NCCL 2.30.7}, or {@code host memory}
     */
    default String carrier(Device device) {
        return "host memory";
    }

    /**
     * Tells all other ranks that this one cannot go on. Their next or current call throws a {@link RankException} with the reason. Does not throw.
     *
     * @param reason one line: what went wrong in this rank
     */
    void fail(String reason);

    /** Ends the messages of this rank, after waiting for the other ranks to end theirs; the engine then ends too. Closing twice does nothing. */
    @Override
    void close();
}

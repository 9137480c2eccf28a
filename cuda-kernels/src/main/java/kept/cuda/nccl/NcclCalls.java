package kept.cuda.nccl;

/**
 * The calls of NCCL that the backend makes. A communicator joins one device of each rank; handles and device addresses are longs. Messages and sums
 * are queued on a stream, like kernels. Communicators do not block the host: a call may return while NCCL still works on it; {@link #isDone} tells
 * when the next call may follow.
 *
 * <p>One thread at a time uses a communicator, with the device's context current ({@link kept.cuda.driver.Driver#makeCurrent}). Every failure throws
 * a {@link kept.cuda.driver.CudaException} that names the call, the status and NCCL's explanation.
 */
public interface NcclCalls {
    /** The size of a unique id in bytes. */
    int ID_BYTES = 128;

    /**
     * Returns the version of the library (ncclGetVersion).
     *
     * @return version, such as 23007 for 2.30.7
     */
    int version();

    /**
     * Creates the id of a communicator that is to be (ncclGetUniqueId). One rank creates it and sends it to the others by other means.
     *
     * @return {@value #ID_BYTES} bytes
     */
    byte[] uniqueId();

    /**
     * Begins to join a communicator (ncclCommInitRankConfig), which is ready when it {@link #isDone is done}: all ranks have then joined.
     *
     * @param ranks number of ranks
     * @param id bytes of {@link #uniqueId}, the same in all ranks
     * @param rank this rank
     * @return handle of the communicator, whose device is the current one
     */
    long join(int ranks, byte[] id, int rank);

    /**
     * Returns whether NCCL has done what the last call on a communicator asked for (ncclCommGetAsyncError); queued messages may still be under way.
     *
     * @param communicator handle from {@link #join}
     * @return false if it still works on it
     * @throws kept.cuda.driver.CudaException if the communicator has failed, because of this rank or another
     */
    boolean isDone(long communicator);

    /** Begins a group of messages or sums of this thread (ncclGroupStart); messages are then sent and received at the same time. */
    void groupStart();

    /**
     * Ends the group and queues its messages (ncclGroupEnd). They are on the stream when the communicator {@link #isDone is done}.
     *
     * @throws kept.cuda.driver.CudaException if a message cannot be queued
     */
    void groupEnd();

    /**
     * Sends elements to another rank, which receives as many of the same type (ncclSend).
     *
     * @param address device address of the first element
     * @param count number of elements, 1 or more
     * @param type element type
     * @param peer the other rank
     * @param communicator handle from {@link #join}
     * @param stream stream handle
     */
    void send(long address, long count, ElementType type, int peer, long communicator, long stream);

    /**
     * Receives elements that another rank sends (ncclRecv).
     *
     * @param address device address of the first element
     * @param count number of elements, 1 or more
     * @param type element type
     * @param peer the other rank
     * @param communicator handle from {@link #join}
     * @param stream stream handle
     */
    void receive(long address, long count, ElementType type, int peer, long communicator, long stream);

    /**
     * Adds elements of all ranks, each of which gets the sum (ncclAllReduce). NCCL chooses the order of the additions; all ranks get the same bits.
     *
     * @param address device address of the first element, overwritten with the sum
     * @param count number of elements, 1 or more
     * @param type element type
     * @param communicator handle from {@link #join}
     * @param stream stream handle
     */
    void allReduce(long address, long count, ElementType type, long communicator, long stream);

    /**
     * Adds elements of all ranks, each of which gets one of as many parts of equal size as there are ranks (ncclReduceScatter).
     *
     * @param terms device address of the first element of all parts
     * @param sum device address for this rank's part of the sum: that of the part in {@code terms}, or apart from these
     * @param count number of elements of a part, 1 or more
     * @param type element type
     * @param communicator handle from {@link #join}
     * @param stream stream handle
     */
    void reduceScatter(long terms, long sum, long count, ElementType type, long communicator, long stream);

    /**
     * Adds elements of all ranks, of which one gets the sum (ncclReduce).
     *
     * @param terms device address of the first element
     * @param sum device address for the sum: that of the terms, or apart from these; ignored in other ranks than the root
     * @param count number of elements, 1 or more
     * @param type element type
     * @param root the rank that gets the sum
     * @param communicator handle from {@link #join}
     * @param stream stream handle
     */
    void reduce(long terms, long sum, long count, ElementType type, int root, long communicator, long stream);

    /**
     * Begins to end a communicator whose messages are all through (ncclCommFinalize); {@link #destroy} follows when it {@link #isDone is done}.
     *
     * @param communicator handle from {@link #join}
     */
    void end(long communicator);

    /**
     * Frees a communicator (ncclCommDestroy).
     *
     * @param communicator handle after {@link #end}, not to be used any more
     */
    void destroy(long communicator);

    /**
     * Ends a communicator at once, with the messages under way, and frees it (ncclCommAbort). The device can still be used.
     *
     * @param communicator handle from {@link #join}, not to be used any more
     */
    void abort(long communicator);
}

package kept.distributed;

import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * What carries the tensors of one device of each rank without the host's memory, such as NCCL; for the authors of devices. Messages are queued like
 * kernels, behind those that compute what is sent and before those that read what is received, unless the link is for the background.
 *
 * <p>One thread at a time uses a link; {@link #abort} may come from any.
 */
public interface DeviceLink extends AutoCloseable {
    /**
     * The link, for messages.
     *
     * @return its name and version
     */
    String name();

    /**
     * Queues a message to another rank and one from it, which move at the same time. Messages between two ranks arrive in the order in which they
     * were sent.
     *
     * @param sent the elements to send, contiguous and at least one; null for none
     * @param received overwritten, contiguous and at least one element; null for none
     * @param peer the other rank, which does the counterpart
     * @throws kept.tensor.TensorException if it cannot be queued; the link is then of no more use
     */
    void queue(Tensor sent, Tensor received, int peer);

    /**
     * Whether the link adds tensors of a type, in an order of its own.
     *
     * @param dtype the type
     * @return true if {@link #queueSum} and {@link #queueScatteredSum} may be called
     */
    boolean adds(DType dtype);

    /**
     * Queues a sum over the tensors of all ranks, which all queue it, of a type that the link {@link #adds}; each rank gets the sum, with the
     * same bits.
     *
     * @param tensor this rank's term, contiguous and at least one element; overwritten with the sum
     * @throws kept.tensor.TensorException if it cannot be queued; the link is then of no more use
     */
    void queueSum(Tensor tensor);

    /**
     * Queues a sum over the tensors of all ranks, which all queue it, of a type that the link {@link #adds}; each rank gets its part of the sum.
     *
     * @param whole this rank's term, contiguous and at least one element
     * @param part overwritten with this rank's part of the sum, contiguous; apart from {@code whole}, or its place in it
     * @param division which elements are whose part
     * @throws kept.tensor.TensorException if it cannot be queued; the link is then of no more use
     */
    void queueScatteredSum(Tensor whole, Tensor part, Division division);

    /**
     * Waits until the messages queued so far have been sent and received, and the sums are there.
     *
     * @throws RankException if another rank has failed, ended or does not answer
     * @throws kept.tensor.TensorException if the link has failed; it is then of no more use
     */
    void await();

    /** Ends the link at once, with the messages under way; the device can still be used. Does not throw, and does nothing after an end. */
    void abort();

    /** Ends the link, whose messages have all been awaited. Closing twice does nothing. */
    @Override
    void close();
}

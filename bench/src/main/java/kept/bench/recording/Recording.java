package kept.bench.recording;

import java.util.ArrayList;
import java.util.List;
import kept.cuda.cublas.DataType;
import kept.cuda.driver.Grid;

/** The calls of a backend in order. */
public final class Recording {
    /** A call, or its effect on the device. */
    public sealed interface Event {}

    /**
     * A kernel launch.
     *
     * @param kernel name of the kernel
     * @param grid blocks and threads
     * @param sharedBytes dynamic shared memory per block in bytes
     * @param arguments arguments in order, each at its natural alignment
     */
    public record Launch(String kernel, Grid grid, int sharedBytes, Arguments arguments) implements Event {}

    /**
     * A matrix product {@code m x k x n}, repeated for each matrix of a batch.
     *
     * @param m rows of the column-major result
     * @param n columns of the result
     * @param k inner dimension
     * @param batch number of matrices
     * @param shared number of operands, 0 to 2, of which the batch has one matrix only
     * @param operands type of both operands
     * @param result type of the result
     * @param accumulates whether the product is added to the result
     */
    public record Product(int m, int n, int k, int batch, int shared, DataType operands, DataType result, boolean accumulates) implements Event {}

    /** Direction of a copy. */
    public enum Direction {
        /** Host to device. */
        TO_DEVICE,
        /** Device to host. */
        TO_HOST,
        /** Device to device. */
        ON_DEVICE
    }

    /**
     * A copy.
     *
     * @param direction direction
     * @param bytes size in bytes
     */
    public record Copy(Direction direction, long bytes) implements Event {}

    /**
     * A memset.
     *
     * @param bytes size in bytes
     */
    public record Fill(long bytes) implements Event {}

    /**
     * An allocation in stream order.
     *
     * @param address device address
     * @param bytes size in bytes
     */
    public record Allocation(long address, long bytes) implements Event {}

    /**
     * A free in stream order.
     *
     * @param address device address of an allocation
     */
    public record Free(long address) implements Event {}

    /** A wait of the host for work that may not have finished. */
    public record Wait() implements Event {}

    private final List<Event> events = new ArrayList<>();

    Recording() {}

    synchronized void add(Event event) {
        events.add(event);
    }

    /**
     * Returns the number of events so far, which marks a place in the recording.
     *
     * @return number of events
     */
    public synchronized int size() {
        return events.size();
    }

    /**
     * Returns a copy of the events from a place on.
     *
     * @param from number of events to omit
     * @return events in order
     */
    public synchronized List<Event> since(int from) {
        return List.copyOf(events.subList(from, events.size()));
    }

    /** Removes all events. */
    synchronized void clear() {
        events.clear();
    }
}

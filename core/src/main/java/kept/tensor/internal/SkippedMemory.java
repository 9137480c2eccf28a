package kept.tensor.internal;

import java.util.IdentityHashMap;
import java.util.Map;
import kept.backend.Buffer;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Results that a checkpointed segment does not compute when it is run again, by memory: recording a tensor makes a new one of the same memory. No
 * kernel and no copy to the host may read them.
 */
public final class SkippedMemory {
    /** That of the segment that this thread runs again; null while it runs none. */
    private static final ThreadLocal<SkippedMemory> CURRENT = new ThreadLocal<>();

    private final Map<Buffer, Tensor> results = new IdentityHashMap<>();

    /**
     * The memory of the segment that this thread runs again.
     *
     * @return the memory, or null while it runs none
     */
    public static SkippedMemory current() {
        return CURRENT.get();
    }

    /**
     * Changes the segment that this thread runs again.
     *
     * @param memory its memory, or null for none
     */
    public static void set(SkippedMemory memory) {
        if (memory == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(memory);
        }
    }

    /**
     * Adds a result that is not computed.
     *
     * @param result the tensor
     */
    public void add(Tensor result) {
        results.put(TensorInternals.buffer(result), result);
    }

    /**
     * Whether the elements of a tensor are not computed.
     *
     * @param tensor the tensor
     * @return true if it is a result that was added, or a view of one
     */
    public boolean contains(Tensor tensor) {
        Tensor result = results.get(TensorInternals.buffer(tensor));
        // Memory that was freed may have become another tensor's.
        return result != null && !result.isReleased();
    }

    /**
     * Checks that an operation may read a tensor's elements.
     *
     * @param operation the name that the error message tells
     * @param tensor the operand
     * @throws TensorException if they are not computed
     */
    public static void checkRead(String operation, Tensor tensor) {
        SkippedMemory memory = CURRENT.get();
        if (memory != null && memory.contains(tensor)) {
            throw new TensorException(("[activation checkpoint] %s reads %s %s, which is not computed when the segment is run again; "
                    + "only additions may take what Autograd.segmentResult computes").formatted(operation, tensor.dtype().label(), tensor.shape()));
        }
    }
}

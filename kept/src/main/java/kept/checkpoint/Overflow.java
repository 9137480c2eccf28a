package kept.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import kept.tensor.DType;

/** Counts the values that the type they are stored in cannot hold: they would be infinite. */
public final class Overflow {
    private TensorSpec first;
    private long tensors;
    private long values;

    /** Has counted nothing yet. */
    public Overflow() { }

    /**
     * Counts those of a tensor.
     *
     * @param tensor what is stored
     * @param data its elements, made of finite ones
     */
    public void count(TensorSpec tensor, MemorySegment data) {
        long others = FiniteValues.countOthers(tensor.dtype(), data);
        if (others > 0) {
            first = first == null ? tensor : first;
            tensors++;
            values += others;
        }
    }

    /**
     * Whether all values so far can be held.
     *
     * @return true if so
     */
    public boolean isNone() {
        return first == null;
    }

    /**
     * Refuses to store values that cannot be held.
     *
     * @param target where they were to be stored, for the message
     * @throws CheckpointException if there are any, with their number and the first tensor
     */
    public void refuse(Path target) {
        if (first != null) {
            throw new CheckpointException("checkpoint", target, ("%,d values in %d tensors, the first of them %s, are beyond the range of %s; "
                + "store as %s (--dtype)").formatted(values, tensors, first.name(), first.dtype().label(),
                    first.dtype() == DType.F16 ? "bf16 or f32" : "f32"));
        }
    }
}

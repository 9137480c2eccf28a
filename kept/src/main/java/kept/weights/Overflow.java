package kept.weights;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import kept.tensor.DType;

/** Counts finite values that overflow to infinity in the type they are stored in. */
public final class Overflow {
    private TensorSpec first;
    private long tensors;
    private long values;

    /** Creates a count of zero. */
    public Overflow() { }

    /**
     * Counts the overflowed values of a tensor.
     *
     * @param tensor what is stored
     * @param data its elements after conversion from finite values
     */
    public void count(TensorSpec tensor, MemorySegment data) {
        long overflowed = FiniteValues.countNonFinite(tensor.dtype(), data);
        if (overflowed > 0) {
            first = first == null ? tensor : first;
            tensors++;
            values += overflowed;
        }
    }

    /**
     * Whether no value has overflowed so far.
     *
     * @return true if so
     */
    public boolean isNone() {
        return first == null;
    }

    /**
     * Throws if any value has overflowed.
     *
     * @param source the checkpoint they come from, for the message
     * @throws WeightValuesException if there are any, with their number and the first tensor
     */
    public void requireNone(Path source) {
        if (first != null) {
            String which = tensors == 1 ? "the tensor %s".formatted(first.name())
                : "%,d tensors, the first of them %s,".formatted(tensors, first.name());
            throw new WeightValuesException(source, null, -1, "%s of %s %s out of range of %s; store as %s (--dtype)".formatted(
                values == 1 ? "a value" : "%,d values".formatted(values), which, values == 1 ? "is" : "are", first.dtype().label(),
                first.dtype() == DType.F16 ? "bf16 or f32" : "f32"));
        }
    }
}

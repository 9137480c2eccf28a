package kept.weights;

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
     * @param source the checkpoint they come from, for the message
     * @throws WeightValuesException if there are any, with their number and the first tensor
     */
    public void refuse(Path source) {
        if (first != null) {
            String which = tensors == 1 ? "the tensor %s".formatted(first.name())
                : "%,d tensors, the first of them %s,".formatted(tensors, first.name());
            throw new WeightValuesException(source, null, -1, "%s of %s %s beyond the range of %s; store as %s (--dtype)".formatted(
                values == 1 ? "a value" : "%,d values".formatted(values), which, values == 1 ? "is" : "are", first.dtype().label(),
                first.dtype() == DType.F16 ? "bf16 or f32" : "f32"));
        }
    }
}

package kept.tensor.internal;

import java.util.concurrent.atomic.AtomicLong;
import kept.autograd.Operation;
import kept.tensor.Tensor;

/** An entry of the tape: an operation and its operands, numbered in the order of recording. */
public final class Node {
    private static final AtomicLong COUNT = new AtomicLong();

    private final long number = COUNT.incrementAndGet();
    private final Operation operation;
    private final Tensor[] inputs;

    /**
     * An entry with the next number.
     *
     * @param operation what was applied
     * @param inputs its operands
     */
    public Node(Operation operation, Tensor... inputs) {
        this.operation = operation;
        this.inputs = inputs;
    }

    /**
     * The place in the order of recording.
     *
     * @return a number above those of all entries before it
     */
    public long number() {
        return number;
    }

    /**
     * What was applied.
     *
     * @return the operation
     */
    public Operation operation() {
        return operation;
    }

    /**
     * What it was applied to.
     *
     * @return the operands, not to be changed
     */
    public Tensor[] inputs() {
        return inputs;
    }
}

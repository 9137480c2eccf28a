package kept.tensor.internal;

import java.util.concurrent.atomic.AtomicLong;
import kept.autograd.Operation;
import kept.tensor.Tensor;

/** A node of the tape: an operation and its operands, numbered in the order of recording. */
public final class Node {
    private static final AtomicLong COUNT = new AtomicLong();

    private final long number = COUNT.incrementAndGet();
    private final Operation operation;
    private final Tensor[] inputs;

    /**
     * Creates a node with the next number.
     *
     * @param operation the operation
     * @param inputs its operands
     */
    public Node(Operation operation, Tensor... inputs) {
        this.operation = operation;
        this.inputs = inputs;
    }

    /**
     * The position in the order of recording.
     *
     * @return a number larger than those of all earlier nodes
     */
    public long number() {
        return number;
    }

    /**
     * The operation.
     *
     * @return the operation
     */
    public Operation operation() {
        return operation;
    }

    /**
     * The operands.
     *
     * @return the operands, not to be changed
     */
    public Tensor[] inputs() {
        return inputs;
    }
}

package kept.autograd;

import java.util.concurrent.atomic.AtomicLong;
import kept.tensor.Tensor;

/** An entry of the tape: an operation and its operands, numbered in the order of recording. */
public final class Node {
    private static final AtomicLong COUNT = new AtomicLong();

    private final long number = COUNT.incrementAndGet();
    private final Operation operation;
    private final Tensor[] inputs;

    Node(Operation operation, Tensor[] inputs) {
        this.operation = operation;
        this.inputs = inputs;
    }

    long number() {
        return number;
    }

    Operation operation() {
        return operation;
    }

    Tensor[] inputs() {
        return inputs;
    }
}

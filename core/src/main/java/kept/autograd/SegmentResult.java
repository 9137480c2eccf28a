package kept.autograd;

import java.util.function.Supplier;
import kept.tensor.Tensor;
import kept.tensor.internal.SkippedMemory;

/**
 * The operations that compute a checkpointed segment's result. When the segment is computed again for the backward pass, nothing reads the result, so
 * they are recorded without computing it.
 */
final class SegmentResult {
    private static final ThreadLocal<State> STATE = ThreadLocal.withInitial(() -> State.COMPUTING);

    /** How operations of this thread are applied. */
    private enum State {
        /** They are computed. */
        COMPUTING,
        /** They are computed; the code of the segment's result will only be recorded. */
        AGAIN,
        /** They are recorded. */
        RECORDING
    }

    private SegmentResult() {}

    /** Runs a segment, for its result or again for the backward pass. */
    static <T> T segment(boolean again, Supplier<T> code) {
        SkippedMemory before = SkippedMemory.current();
        if (again) {
            SkippedMemory.set(new SkippedMemory());
        }
        try {
            return in(again ? State.AGAIN : State.COMPUTING, code);
        } finally {
            SkippedMemory.set(before);
        }
    }

    /** {@link Autograd#segmentResult}. */
    static Tensor of(Supplier<Tensor> code) {
        return in(STATE.get() == State.COMPUTING ? State.COMPUTING : State.RECORDING, code);
    }

    private static <T> T in(State state, Supplier<T> code) {
        State before = STATE.get();
        STATE.set(state);
        try {
            return code.get();
        } finally {
            STATE.set(before);
        }
    }

    /** Applies an operation, or only records it. */
    static Tensor forward(Operation operation, Tensor... inputs) {
        SkippedMemory skipped = SkippedMemory.current();
        return skipped == null ? operation.forward(inputs) : apply(skipped, operation, inputs);
    }

    private static Tensor apply(SkippedMemory skipped, Operation operation, Tensor... inputs) {
        boolean areComputed = true;
        for (Tensor input : inputs) {
            if (skipped.contains(input)) {
                require(operation, input);
                areComputed = false;
            }
        }
        Tensor outline = STATE.get() == State.RECORDING || !areComputed ? operation.outline(inputs) : null;
        if (outline == null) {
            return in(State.COMPUTING, () -> operation.forward(inputs));
        }
        skipped.add(outline);
        return outline;
    }

    /** Checks that an operation may take a tensor, also where the operation itself is not recorded. */
    static void require(Operation operation, Tensor input) {
        if (operation.readsOperands()) {
            SkippedMemory.checkRead(operation.name(), input);
        }
    }
}

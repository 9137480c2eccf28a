package kept.autograd;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.function.Supplier;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * The operations that compute a checkpointed segment's result. When the segment is computed again for the backward pass, nothing reads the result, so
 * they are recorded without computing it.
 */
final class SegmentResult {
    /** Whether this thread computes a segment again. */
    private static final ThreadLocal<Boolean> AGAIN = ThreadLocal.withInitial(() -> false);
    /** Results without elements; null outside {@link #of} and where elements are needed. */
    private static final ThreadLocal<Set<Tensor>> UNREAD = new ThreadLocal<>();

    private SegmentResult() {}

    /** Runs a segment, for its result or again for the backward pass. */
    static <T> T segment(boolean again, Supplier<T> code) {
        boolean before = AGAIN.get();
        Set<Tensor> unread = UNREAD.get();
        AGAIN.set(again);
        UNREAD.remove();
        try {
            return code.get();
        } finally {
            AGAIN.set(before);
            restore(unread);
        }
    }

    /** {@link Autograd#segmentResult}. */
    static Tensor of(Supplier<Tensor> code) {
        if (!AGAIN.get()) {
            return code.get();
        }
        Set<Tensor> before = UNREAD.get();
        UNREAD.set(Collections.newSetFromMap(new IdentityHashMap<>()));
        try {
            return code.get();
        } finally {
            restore(before);
        }
    }

    private static void restore(Set<Tensor> unread) {
        if (unread == null) {
            UNREAD.remove();
        } else {
            UNREAD.set(unread);
        }
    }

    /** Applies an operation, or only records it. */
    static Tensor forward(Operation operation, Tensor... inputs) {
        Set<Tensor> unread = UNREAD.get();
        if (unread == null) {
            return operation.forward(inputs);
        }
        for (Tensor input : inputs) {
            if (unread.contains(input) && operation.readsOperands()) {
                throw new TensorException(("[activation checkpoint] %s reads %s, which is not computed when the segment is run again; "
                        + "compute it outside Autograd.segmentResult").formatted(operation.name(), SavedTensor.description(input)));
            }
        }
        Tensor outline = operation.outline(inputs);
        if (outline == null) {
            return segment(true, () -> operation.forward(inputs));
        }
        unread.add(outline);
        return outline;
    }
}

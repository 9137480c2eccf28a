package kept.autograd;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Supplier;
import kept.backend.Buffer;
import kept.backend.TensorMemory;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * The operations that compute a checkpointed segment's result. When the segment is computed again for the backward pass, nothing reads the result, so
 * they are recorded without computing it.
 */
final class SegmentResult {
    /** The segment that this thread runs again; null while it runs none. */
    private static final ThreadLocal<SegmentResult> AGAIN = new ThreadLocal<>();

    /** Tensors whose elements are not computed, by memory, since recording a tensor makes a new one of the same memory. */
    private final Map<Buffer, Tensor> unread = new IdentityHashMap<>();
    private boolean recordsOnly;

    private SegmentResult() {}

    /** Runs a segment, for its result or again for the backward pass. */
    static <T> T segment(boolean again, Supplier<T> code) {
        SegmentResult before = AGAIN.get();
        set(again ? new SegmentResult() : null);
        try {
            return code.get();
        } finally {
            set(before);
        }
    }

    private static void set(SegmentResult segment) {
        if (segment == null) {
            AGAIN.remove();
        } else {
            AGAIN.set(segment);
        }
    }

    /** {@link Autograd#segmentResult}. */
    static Tensor of(Supplier<Tensor> code) {
        SegmentResult segment = AGAIN.get();
        return segment == null ? code.get() : segment.recording(true, code);
    }

    private Tensor recording(boolean only, Supplier<Tensor> code) {
        boolean before = recordsOnly;
        recordsOnly = only;
        try {
            return code.get();
        } finally {
            recordsOnly = before;
        }
    }

    /** Applies an operation, or only records it. */
    static Tensor forward(Operation operation, Tensor... inputs) {
        SegmentResult segment = AGAIN.get();
        return segment == null ? operation.forward(inputs) : segment.apply(operation, inputs);
    }

    private Tensor apply(Operation operation, Tensor... inputs) {
        boolean areRead = true;
        for (Tensor input : inputs) {
            if (isUnread(input)) {
                requireRead(operation, input);
                areRead = false;
            }
        }
        Tensor outline = recordsOnly || !areRead ? operation.outline(inputs) : null;
        if (outline == null) {
            return recording(false, () -> operation.forward(inputs));
        }
        unread.put(TensorMemory.buffer(outline), outline);
        return outline;
    }

    private boolean isUnread(Tensor input) {
        Tensor outline = unread.get(TensorMemory.buffer(input));
        // Memory that was freed may have become another tensor's.
        return outline != null && !outline.isReleased();
    }

    /** Checks that an operation may take a tensor, also where the operation itself is not recorded. */
    static void require(Operation operation, Tensor input) {
        SegmentResult segment = AGAIN.get();
        if (segment != null && segment.isUnread(input)) {
            requireRead(operation, input);
        }
    }

    private static void requireRead(Operation operation, Tensor input) {
        if (operation.readsOperands()) {
            throw new TensorException(("[activation checkpoint] %s reads %s, which is not computed when the segment is run again; "
                    + "only additions may take what Autograd.segmentResult computes").formatted(operation.name(), SavedTensor.description(input)));
        }
    }
}

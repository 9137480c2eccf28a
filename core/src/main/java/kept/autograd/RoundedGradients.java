package kept.autograd;

import java.util.IdentityHashMap;
import java.util.Map;
import kept.backend.Buffer;
import kept.backend.TensorMemory;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.TensorInternals;

/** Copies of pending gradients in BF16 that the kernels which computed them have left. A copy is valid until its gradient is written again. */
final class RoundedGradients {
    private final Scope scope;
    private final Map<Buffer, Copy> copies = new IdentityHashMap<>();

    private record Copy(Tensor gradient, Tensor rounded, int version) {
        boolean isOf(Tensor other) {
            return !gradient.isReleased() && TensorInternals.version(gradient) == version && other.isContiguous()
                    && other.offset() == gradient.offset() && other.elementCount() == gradient.elementCount();
        }
    }

    /**
     * Creates an empty collection.
     *
     * @param scope scope that takes the copies over
     */
    RoundedGradients(Scope scope) {
        this.scope = scope;
    }

    /** Adds a copy of a contiguous gradient; it replaces an earlier one of the same memory. */
    void leave(Tensor gradient, Tensor rounded) {
        scope.adopt(rounded);
        Buffer buffer = TensorMemory.buffer(gradient);
        drop(buffer);
        copies.put(buffer, new Copy(gradient, rounded, TensorInternals.version(gradient)));
    }

    /** Returns the copy of a gradient in the gradient's shape, or null if there is none that is valid. */
    Tensor of(Tensor gradient) {
        Copy copy = copies.get(TensorMemory.buffer(gradient));
        if (copy == null || !copy.isOf(gradient)) {
            return null;
        }
        return TensorMemory.view(copy.rounded, gradient.shape(), gradient.shape().contiguousStrides(), copy.rounded.offset());
    }

    /** Frees the copy of a gradient that is freed. */
    void drop(Buffer buffer) {
        Copy copy = copies.remove(buffer);
        if (copy != null) {
            scope.release(copy.rounded);
        }
    }
}

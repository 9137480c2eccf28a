package kept.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Passes a tensor's elements to a consumer through a temporary copy in host memory. */
public final class HostCopy {
    private HostCopy() {}

    /**
     * Copies a tensor and passes the copy to a consumer.
     *
     * @param tensor any tensor
     * @param dtype the dtype of the copy
     * @param user receives the elements in row-major order, little-endian; must not keep them
     */
    public static void with(Tensor tensor, DType dtype, Consumer<MemorySegment> user) {
        try (var _ = Scope.open(tensor.device());
                var arena = Arena.ofConfined()) {
            Tensor stored = tensor.dtype() == dtype ? tensor : Tensor.empty(dtype, tensor.shape()).assign(tensor);
            MemorySegment bytes = arena.allocate(stored.elementCount() * dtype.bytes());
            stored.download(bytes);
            user.accept(bytes);
        }
    }
}

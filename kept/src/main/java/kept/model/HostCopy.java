package kept.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Hands a tensor's elements to something that writes them, through host memory that is freed right after. */
public final class HostCopy {
    private HostCopy() {}

    /**
     * Copies a tensor and hands the copy on.
     *
     * @param tensor any tensor
     * @param dtype what to convert the elements to
     * @param user is given the elements in row-major order, little-endian; not to be kept
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

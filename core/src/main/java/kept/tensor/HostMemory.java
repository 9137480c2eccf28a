package kept.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;

/** The elements of tensors as memory that native code of the host may read and write. */
final class HostMemory {
    private HostMemory() {}

    /** Runs code on the memory of two contiguous tensors, or on copies where the host does not reach it; null stays null. */
    static void use(Tensor read, Tensor written, BiConsumer<MemorySegment, MemorySegment> code) {
        try (var call = new KernelCall("host memory")) {
            call.writes(written);
            call.reads(read);
            if (isReachable(read) && isReachable(written)) {
                code.accept(memory(read), memory(written));
            } else {
                useCopies(read, written, code);
            }
        }
    }

    /** Any thread may read the copies, as it may read the memory of tensors. */
    private static void useCopies(Tensor read, Tensor written, BiConsumer<MemorySegment, MemorySegment> code) {
        try (var arena = Arena.ofShared()) {
            MemorySegment from = isReachable(read) ? memory(read) : downloaded(read, arena);
            MemorySegment to = isReachable(written) ? memory(written) : arena.allocate(bytes(written));
            code.accept(from, to);
            if (!isReachable(written)) {
                written.backend().upload(to, written.buffer(), written.offset() * written.dtype().bytes());
            }
        }
    }

    /** Null, too, needs no copy. */
    private static boolean isReachable(Tensor tensor) {
        return tensor == null || tensor.buffer().hostMemory().isPresent();
    }

    private static MemorySegment memory(Tensor tensor) {
        return tensor == null ? null
                : tensor.buffer().hostMemory().orElseThrow().asSlice(tensor.offset() * tensor.dtype().bytes(), bytes(tensor));
    }

    private static MemorySegment downloaded(Tensor tensor, Arena arena) {
        MemorySegment copy = arena.allocate(bytes(tensor));
        tensor.backend().download(tensor.buffer(), tensor.offset() * tensor.dtype().bytes(), copy);
        return copy;
    }

    private static long bytes(Tensor tensor) {
        return tensor.elementCount() * tensor.dtype().bytes();
    }
}

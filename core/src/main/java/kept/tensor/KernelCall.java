package kept.tensor;

import java.util.Arrays;
import kept.tensor.internal.MemoryReads;
import kept.tensor.internal.SkippedMemory;

/**
 * The memory checks around one kernel call. Buffers of operands and results are held, so that no other thread can free them during the call. Writes
 * increase version counters. A result whose elements share memory is rejected; an operand that overlaps a result is copied first.
 */
final class KernelCall implements AutoCloseable {
    private final String name;
    private Storage[] held = new Storage[8];
    private int count;
    private Tensor[] results = new Tensor[2];
    private int resultCount;
    /** Owns the copies; opened for the first one. */
    private Scope copies;

    /**
     * Starts a call.
     *
     * @param name the name that error messages start with
     */
    KernelCall(String name) {
        this.name = name;
    }

    /**
     * Checks that no two elements of a tensor share a memory location, so that no write overwrites another.
     *
     * @param name the name that the error message starts with
     * @param result the tensor to write
     */
    static void checkWritable(String name, Tensor result) {
        if (result.hasRepeatedElements()) {
            throw new ShapeException(("[%s] elements of %s share memory (strides %s), so that writing one overwrites others; "
                    + "write to the tensor that was expanded, or to a copy").formatted(name, result.shape(), Arrays.toString(result.strides())));
        }
    }

    /**
     * Registers a result; results are registered before operands.
     *
     * @param result the tensor that the kernel writes, or null
     * @return the tensor itself
     */
    Tensor writes(Tensor result) {
        if (result == null) {
            return null;
        }
        checkWritable(name, result);
        for (int i = 0; i < resultCount; i++) {
            if (result.overlaps(results[i])) {
                throw new ShapeException("[%s] two results, %s and %s, share memory; give each its own"
                        .formatted(name, results[i].shape(), result.shape()));
            }
        }
        hold(result.storage());
        if (resultCount == results.length) {
            results = Arrays.copyOf(results, 2 * resultCount);
        }
        results[resultCount++] = result;
        return result;
    }

    /**
     * Registers a result whose elements the kernel also reads, such as a sum that it adds to.
     *
     * @param result the tensor that the kernel changes, or null
     * @return the tensor itself
     */
    Tensor updates(Tensor result) {
        if (result != null) {
            SkippedMemory.checkRead(name, result);
            MemoryReads.read(result.storage(), result);
        }
        return writes(result);
    }

    /**
     * Registers an operand that must not share memory with a result.
     *
     * @param operand the tensor that the kernel reads, or null
     * @return the tensor itself, or a copy where it overlaps a result
     */
    Tensor reads(Tensor operand) {
        return reads(operand, false);
    }

    /**
     * Registers an elementwise operand: each element is read before the result's element at the same location is written.
     *
     * @param operand the tensor that the kernel reads, or null
     * @return the tensor itself, or a copy where it overlaps a result without being the same view
     */
    Tensor readsInPlace(Tensor operand) {
        return reads(operand, true);
    }

    private Tensor reads(Tensor operand, boolean inPlace) {
        if (operand == null) {
            return null;
        }
        hold(operand.storage());
        SkippedMemory.checkRead(name, operand);
        MemoryReads.read(operand.storage(), operand);
        for (int i = 0; i < resultCount; i++) {
            Tensor result = results[i];
            if (operand.storage() == result.storage() && !(inPlace && isSameView(operand, result)) && operand.overlaps(result)) {
                return copy(operand);
            }
        }
        return operand;
    }

    private static boolean isSameView(Tensor a, Tensor b) {
        if (a.offset() != b.offset()) {
            return false;
        }
        if (a.isContiguous() && b.isContiguous()) {
            return a.elementCount() == b.elementCount();
        }
        boolean same = a.shape().equals(b.shape());
        for (int axis = 0; same && axis < a.rank(); axis++) {
            same = a.size(axis) == 1 || a.stride(axis) == b.stride(axis);
        }
        return same;
    }

    private Tensor copy(Tensor operand) {
        if (copies == null) {
            copies = Scope.open(operand.device());
        }
        Tensor copy = Tensor.empty(operand.dtype(), operand.shape());
        copy.backend().copy(operand, copy);
        return copy;
    }

    private void hold(Storage storage) {
        storage.hold();
        if (count == held.length) {
            held = Arrays.copyOf(held, 2 * count);
        }
        held[count++] = storage;
    }

    /** Increases the version counters and releases all buffers. */
    @Override
    public void close() {
        for (int i = 0; i < resultCount; i++) {
            Storage storage = results[i].storage();
            storage.countWrite();
            // Only now, because an operand may be the same memory.
            MemoryReads.wrote(storage, results[i], storage.isFilledBy(results[i]));
        }
        if (copies != null) {
            copies.close();
        }
        for (int i = 0; i < count; i++) {
            held[i].letGo();
        }
    }
}

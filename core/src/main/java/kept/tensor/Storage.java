package kept.tensor;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import kept.backend.Buffer;

/**
 * A buffer and its owner, shared by all views of a tensor. It is released once, by its scope or earlier, from any thread. Kernels
 * {@linkplain #hold hold} it during a call: the buffer returns to its device when the last holder is done, and no new call may use it.
 */
final class Storage {
    private static final VarHandle HOLDERS;

    /** Added to the holder count on release. */
    private static final int RELEASED = Integer.MIN_VALUE;

    static {
        try {
            HOLDERS = MethodHandles.lookup().findVarHandle(Storage.class, "holders", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Device device;
    private final Buffer buffer;
    /** The bytes of the tensor that the memory was allocated for; the buffer may have more. */
    private final long bytes;
    private volatile int holders;
    /** The version counter: the number of writes by kernels and copies. */
    private int version;

    /** The scope that owns this storage, and the index in its list. */
    volatile Scope owner;

    int slot;

    Storage(Device device, Buffer buffer, long bytes) {
        this.device = device;
        this.buffer = buffer;
        this.bytes = bytes;
    }

    Device device() {
        return device;
    }

    long byteSize() {
        return buffer.byteSize();
    }

    /** Whether the elements of a view are all of the memory. */
    boolean isFilledBy(Tensor view) {
        return view.elementCount() * view.dtype().bytes() == bytes;
    }

    int version() {
        return version;
    }

    void countWrite() {
        version++;
    }

    boolean isReleased() {
        return holders < 0;
    }

    void checkNotReleased() {
        if (isReleased()) {
            throw new ScopeException("[tensor] used after its scope closed; scope.keep(tensor) hands a result to the enclosing scope");
        }
    }

    Buffer buffer() {
        checkNotReleased();
        return buffer;
    }

    /** Keeps the buffer from returning to its device until {@link #letGo}. */
    void hold() {
        int before;
        do {
            before = holders;
            if (before < 0) {
                checkNotReleased();
            }
        } while (!HOLDERS.compareAndSet(this, before, before + 1));
    }

    void letGo() {
        if ((int) HOLDERS.getAndAdd(this, -1) == RELEASED + 1) {
            device.backend().release(buffer);
        }
    }

    void release() {
        if ((int) HOLDERS.getAndBitwiseOr(this, RELEASED) == 0) {
            device.backend().release(buffer);
        }
    }
}

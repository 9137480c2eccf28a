package kept.tensor;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import kept.backend.Buffer;

/**
 * A buffer with its owner: what the views of one tensor share. Released once, by its scope or early, by any thread. What a kernel uses meanwhile is
 * {@linkplain #hold held}: the buffer then goes back to its device when the last holder has let go, and nothing new may use it.
 */
final class Storage {
    private static final VarHandle HOLDERS;

    /** Added to the number of holders once this is released. */
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
    private volatile int holders;
    /** How many kernels and copies have written here. */
    private int version;

    /** The scope that will release this storage, and the place in its list. */
    volatile Scope owner;

    int slot;

    Storage(Device device, Buffer buffer) {
        this.device = device;
        this.buffer = buffer;
    }

    Device device() {
        return device;
    }

    long byteSize() {
        return buffer.byteSize();
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

    /** Keeps the buffer from going back to its device until {@link #letGo}. */
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

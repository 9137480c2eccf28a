package kept.tensor;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import kept.backend.Buffer;
import kept.tensor.internal.Residence;

/**
 * A buffer and its owner, shared by all views of a tensor. It is released once, by its scope or earlier, from any thread. Kernels
 * {@linkplain #hold hold} it during a call: the buffer returns to its device when the last holder is done, and no new call may use it.
 *
 * <p>The memory of a tensor with a {@link Residence} has a buffer only while the residence lends it one: every use asks for it.
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
    /** Null while the elements are elsewhere. */
    private Buffer buffer;
    /** Null for memory that is always here. */
    private final Residence residence;
    /** The bytes of the tensor that the memory was allocated for; the buffer may have more. */
    private final long bytes;
    private volatile int holders;
    /** The version counter: the number of writes by kernels and copies. */
    private int version;

    /** The scope that owns this storage, and the index in its list. */
    volatile Scope owner;

    int slot;

    Storage(Device device, Buffer buffer, long bytes) {
        this(device, buffer, null, bytes);
    }

    private Storage(Device device, Buffer buffer, Residence residence, long bytes) {
        this.device = device;
        this.buffer = buffer;
        this.residence = residence;
        this.bytes = bytes;
    }

    /** Memory without a buffer until its residence {@linkplain #lend lends} it one. */
    static Storage elsewhere(Device device, Residence residence, long bytes) {
        return new Storage(device, null, residence, bytes);
    }

    Device device() {
        return device;
    }

    long byteSize() {
        Buffer present = buffer;
        return present == null ? bytes : present.byteSize();
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
        if (residence != null) {
            residence.written();
        }
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
        if (buffer == null) {
            residence.use();
        }
        return buffer;
    }

    /** Whether a kernel uses the buffer now. */
    boolean isHeld() {
        return (holders & ~RELEASED) != 0;
    }

    /** Gives up the buffer without freeing it; this memory, which no view uses any more, counts as released. */
    Buffer surrender() {
        if ((int) HOLDERS.getAndBitwiseOr(this, RELEASED) != 0) {
            throw new ScopeException("[residence] memory that is in use or has been freed cannot be lent");
        }
        return buffer;
    }

    /** Takes a buffer with the elements, until {@link #withdraw}. This is not a write. */
    void lend(Buffer elements) {
        checkNotReleased();
        if (buffer != null) {
            throw new ScopeException("[residence] the memory has a buffer already");
        }
        buffer = elements;
    }

    /** Frees the buffer that was lent. */
    void withdraw() {
        Buffer lent = buffer;
        if (isReleased() || lent == null) {
            return;
        }
        if (isHeld()) {
            throw new ScopeException("[residence] a kernel uses the memory that is to be withdrawn");
        }
        buffer = null;
        device.backend().release(lent);
    }

    /** Keeps the buffer from returning to its device until {@link #letGo}. */
    void hold() {
        if (residence != null) {
            checkNotReleased();
            residence.use();
        }
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
            free();
        }
    }

    void release() {
        if ((int) HOLDERS.getAndBitwiseOr(this, RELEASED) == 0) {
            free();
        }
    }

    private void free() {
        if (buffer != null) {
            device.backend().release(buffer);
        }
    }
}

package kept.tensor;

import kept.backend.Buffer;

/** A buffer with its owner: what the views of one tensor share. Released once, by its scope or early. */
final class Storage {
    private final Device device;
    private final Buffer buffer;
    private boolean released;

    /** The scope that will release this storage, and the place in its list. */
    Scope owner;

    int slot;

    Storage(Device device, Buffer buffer) {
        this.device = device;
        this.buffer = buffer;
    }

    Device device() {
        return device;
    }

    boolean isReleased() {
        return released;
    }

    void checkNotReleased() {
        if (released) {
            throw new ScopeException("[tensor] used after its scope closed; scope.keep(tensor) hands a result to the enclosing scope");
        }
    }

    Buffer buffer() {
        checkNotReleased();
        return buffer;
    }

    void release() {
        if (!released) {
            released = true;
            device.backend().release(buffer);
        }
    }
}

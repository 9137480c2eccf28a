package kept.tensor;

import java.util.ArrayList;
import java.util.function.Supplier;
import kept.tensor.internal.Arguments;

/**
 * Owner of tensor memory. Every new tensor belongs to the innermost open scope of its thread and is freed when that scope closes:
 *
 * <pre>{@code
 * try (var scope = Scope.open()) {
 *     Tensor y = x.matmul(w).silu();
 *     result = scope.keep(y.sum(0)); // handed to the enclosing scope; y is freed here
 * }
 * }</pre>
 *
 * <p>Views share the memory of the tensor they view and end with it. Using a tensor after its scope has closed throws a {@link ScopeException}.
 * Tensors that must outlive the stack of scopes, such as a model's parameters, belong to a {@linkplain #detached detached} scope that its holder
 * closes.
 *
 * <p>{@code -Dkept.scopes=check} reports every scope that is never closed, with the line that opened it, on standard error.
 *
 * <p>A scope on the stack belongs to its thread. A detached scope that is not on a stack may be closed by any thread at any time: an operation that
 * uses its tensors still finishes, their memory is freed after it, and the next use throws a {@link ScopeException}.
 */
public final class Scope implements AutoCloseable {
    private static final ThreadLocal<Scope> CURRENT = new ThreadLocal<>();

    private final Device device;
    private final ArrayList<Storage> storages = new ArrayList<>();
    /** Null unless scopes are checked. */
    private final ScopeCheck.Opened opened;
    /** The scope around this one while it is open on its thread's stack. */
    private Scope enclosing;

    private volatile boolean onStack;
    private volatile boolean closed;

    private Scope(Device device) {
        this.device = device;
        opened = ScopeCheck.opened(this);
    }

    /**
     * Opens a scope inside the current one, on its device; the first of a thread is on the CPU.
     *
     * @return the scope, now the innermost of this thread
     */
    public static Scope open() {
        Scope current = CURRENT.get();
        return open(current == null ? Device.cpu() : current.device);
    }

    /**
     * Opens a scope whose new tensors live on the given device.
     *
     * @param device the device
     * @return the scope, now the innermost of this thread
     */
    public static Scope open(Device device) {
        Scope scope = detached(device);
        scope.push();
        return scope;
    }

    /**
     * Creates a scope that is not on the thread's stack. It owns the tensors that {@link #run} and {@link #adopt} give it, until it is closed.
     *
     * @param device where its tensors live
     * @return the scope
     */
    public static Scope detached(Device device) {
        return new Scope(Arguments.present("scope", "the device", device));
    }

    /**
     * The innermost open scope of this thread.
     *
     * @return the scope
     * @throws ScopeException if none is open
     */
    public static Scope current() {
        Scope current = CURRENT.get();
        if (current == null) {
            throw new ScopeException("[scope] no scope is open on this thread; wrap the code in try (var scope = Scope.open()) { ... }");
        }
        return current;
    }

    /**
     * Runs code with this detached scope as the innermost one, so that it owns the tensors that the code creates.
     *
     * @param <T> the type of the code's result
     * @param code the code
     * @return the code's result
     * @throws ScopeException if this scope is closed or already open, on this thread or another
     */
    public <T> T run(Supplier<T> code) {
        Arguments.present("scope", "the code", code);
        push();
        try {
            return code.get();
        } finally {
            // If the code has closed this scope, it is off the stack already.
            if (onStack) {
                pop();
            }
        }
    }

    /**
     * Hands a tensor of this scope to the enclosing one, so that it survives this scope's end. Does nothing to a tensor that this scope does not own.
     *
     * @param tensor the tensor, or a view of it
     * @return the same tensor
     * @throws ScopeException if no scope encloses this one, or the tensor has been freed
     */
    public Tensor keep(Tensor tensor) {
        if (owns(tensor)) {
            if (enclosing == null) {
                throw new ScopeException("[scope] keep needs an enclosing scope; this one is the outermost");
            }
            enclosing.adopt(tensor);
        }
        return tensor;
    }

    /**
     * Takes the ownership of a tensor from its scope.
     *
     * @param tensor the tensor, or a view of it
     * @return the same tensor
     * @throws ScopeException if this scope is closed, or the tensor has been freed
     */
    public Tensor adopt(Tensor tensor) {
        Storage storage = present(tensor).storage();
        storage.checkNotReleased();
        checkOpen();
        if (!storage.owner.forget(storage)) {
            storage.checkNotReleased();
            throw new ScopeException("[scope] another thread takes the tensor over at the same time");
        }
        add(storage);
        return tensor;
    }

    /**
     * Frees one tensor of this scope, and its views, before the scope ends. Does nothing to a tensor that this scope does not own.
     *
     * @param tensor the tensor
     */
    public void release(Tensor tensor) {
        Storage storage = present(tensor).storage();
        if (storage.owner == this && forget(storage)) {
            storage.release();
        }
    }

    /**
     * Whether this scope frees a tensor when it closes.
     *
     * @param tensor the tensor, or a view of it
     * @return true if the tensor's memory belongs to this scope
     */
    public boolean owns(Tensor tensor) {
        return present(tensor).storage().owner == this;
    }

    /**
     * Where new tensors of this scope live.
     *
     * @return the device
     */
    public Device device() {
        return device;
    }

    /** Frees all tensors of this scope. A scope opened on the thread's stack must be the innermost; closing twice does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        if (onStack) {
            if (CURRENT.get() != this) {
                throw new ScopeException("[scope] closed out of order: an inner scope is still open, or another thread opened this one");
            }
            pop();
        }
        releaseAll();
    }

    private synchronized void releaseAll() {
        closed = true;
        for (Storage storage : storages) {
            storage.release();
        }
        storages.clear();
        if (opened != null) {
            opened.closed();
        }
    }

    private static Tensor present(Tensor tensor) {
        return Arguments.present("scope", "the tensor", tensor);
    }

    private void checkOpen() {
        if (closed) {
            throw new ScopeException("[scope] this scope is closed and can own nothing more");
        }
    }

    /** Takes a storage that no scope owns; frees it if this scope is closed. */
    synchronized void add(Storage storage) {
        storage.owner = this;
        if (closed) {
            storage.release();
            checkOpen();
        }
        storage.slot = storages.size();
        storages.add(storage);
        if (opened != null) {
            opened.count(1, storage);
        }
    }

    /** Gives up a storage. Returns false if this scope no longer owns it, because it was closed or another scope has taken the storage. */
    private synchronized boolean forget(Storage storage) {
        if (closed || storage.slot >= storages.size() || storages.get(storage.slot) != storage) {
            return false;
        }
        Storage last = storages.removeLast();
        if (last != storage) {
            storages.set(storage.slot, last);
            last.slot = storage.slot;
        }
        if (opened != null) {
            opened.count(-1, storage);
        }
        return true;
    }

    /** Gives up a storage whose buffer becomes another's. */
    void surrender(Storage storage) {
        if (!forget(storage)) {
            storage.checkNotReleased();
        }
    }

    /** Synchronized, because several threads may try to run code in one detached scope. */
    private synchronized void push() {
        if (closed || onStack) {
            throw new ScopeException(closed ? "[scope] this scope is closed" : "[scope] this scope is open already");
        }
        enclosing = CURRENT.get();
        onStack = true;
        CURRENT.set(this);
    }

    private void pop() {
        CURRENT.set(enclosing);
        enclosing = null;
        onStack = false;
    }
}

package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * A view of runs of a kernel's operand as contiguous f32. Contiguous f32 are viewed in place; runs of another type or with another stride are
 * converted to a block of the thread's scratch memory and back, which stays in the first-level cache. So kernels are written once, for contiguous
 * f32. A window belongs to one task of the worker pool.
 */
final class RunWindow {
    /** The maximum number of windows of a task. */
    static final int WINDOWS = 4;

    private final MemorySegment operand;
    private final DType dtype;
    private final long stride;
    private final boolean direct;
    private final MemorySegment memory;
    private long at;
    /** For a stride of 0: the position whose element the block repeats, and the number of repetitions. */
    private long repeated = -1;
    private int repetitions;

    /**
     * A window on an operand.
     *
     * @param tensor the operand
     * @param stride positions between neighbours of a run
     * @param slot the thread's block to use, different for each window of the task
     */
    RunWindow(Tensor tensor, long stride, int slot) {
        operand = Elements.segment(tensor);
        dtype = tensor.dtype();
        this.stride = stride;
        direct = dtype == DType.F32 && stride == 1;
        memory = direct ? operand : block(slot);
    }

    /**
     * A block of the thread's scratch memory, for a task that does not use the slot for a window.
     *
     * @param slot the block
     * @return room for {@link StridedIterator#RUN} f32
     */
    static MemorySegment block(int slot) {
        return Workspace.ofThread().segment(Workspace.Slot.RUNS, slot, StridedIterator.RUN);
    }

    /**
     * The memory of the f32.
     *
     * @return native memory
     */
    MemorySegment memory() {
        return memory;
    }

    /**
     * The position of the run in view.
     *
     * @return its first byte in {@link #memory()}
     */
    long at() {
        return at;
    }

    /**
     * The run in view; called by the method that loops over it.
     *
     * @param count the number of elements
     * @return exactly these elements
     */
    MemorySegment view(int count) {
        return NativeView.of(memory, at / Float.BYTES, count);
    }

    /**
     * An element of the run in view.
     *
     * @param i its index in the run
     * @return its value
     */
    float get(int i) {
        return memory.get(JAVA_FLOAT, at + 4L * i);
    }

    /**
     * Sets an element of the run that has been placed.
     *
     * @param i its index in the run
     * @param value its value
     */
    void set(int i, float value) {
        memory.set(JAVA_FLOAT, at + 4L * i, value);
    }

    /**
     * Moves the window to a run and reads it.
     *
     * @param position its first element
     * @param count the number of elements, at most {@link StridedIterator#RUN}
     */
    void read(long position, int count) {
        if (direct) {
            at = position * Float.BYTES;
        } else if (stride != 0 || repeated != position || repetitions < count) {
            Elements.widen(operand, dtype, position, stride, memory, count);
            repeated = position;
            repetitions = count;
        }
    }

    /**
     * Moves the window to a run that will be written whole, without reading it.
     *
     * @param position its first element
     */
    void place(long position) {
        at = direct ? position * Float.BYTES : 0;
    }

    /**
     * Stores a written run in the operand.
     *
     * @param position its first element
     * @param count the number of elements
     */
    void write(long position, int count) {
        if (!direct) {
            Elements.narrow(memory, 0, operand, dtype, position, stride, count);
        }
    }

    /**
     * Stores the run that another window views in the operand.
     *
     * @param position its first element here
     * @param count the number of elements
     * @param source the other window
     */
    void write(long position, int count, RunWindow source) {
        Elements.narrow(source.memory, source.at, operand, dtype, position, stride, count);
    }

    /**
     * Sets the run that has been placed.
     *
     * @param value the value
     * @param count the number of elements
     */
    void fill(float value, int count) {
        Elements.fill(memory, at, value, count);
    }
}

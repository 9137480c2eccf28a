package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * Runs of one operand of a kernel, seen as neighbouring f32. Neighbouring f32 are their own view; runs of another type or with another stride are
 * converted into a block of the thread's scratch memory and back, which stays in the first-level cache. So that kernels are written once, for
 * neighbouring f32. A window serves one task of the worker pool.
 */
final class RunWindow {
    /** The most windows a task may have. */
    static final int WINDOWS = 4;

    private final MemorySegment operand;
    private final DType dtype;
    private final long stride;
    private final boolean direct;
    private final MemorySegment memory;
    private long at;
    /** For a stride of 0: the position that the block's first elements repeat, and how many of them. */
    private long repeated = -1;
    private int repetitions;

    /**
     * A window on an operand.
     *
     * @param tensor the operand
     * @param stride positions between neighbours of a run
     * @param slot which of the thread's blocks to use: another for each window of the task
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
     * @param slot which
     * @return room for {@link Walk#RUN} f32
     */
    static MemorySegment block(int slot) {
        return Workspace.ofThread().segment(Workspace.Slot.RUNS, slot, Walk.RUN);
    }

    /**
     * Where the f32 are read and written.
     *
     * @return native memory
     */
    MemorySegment memory() {
        return memory;
    }

    /**
     * Where the run in view begins.
     *
     * @return its first byte in {@link #memory()}
     */
    long at() {
        return at;
    }

    /**
     * The run in view, for the method that loops over it.
     *
     * @param count how many elements
     * @return the elements, and nothing else
     */
    MemorySegment view(int count) {
        return NativeView.of(memory, at / Float.BYTES, count);
    }

    /**
     * An element of the run in view.
     *
     * @param i its place in the run
     * @return its value
     */
    float get(int i) {
        return memory.get(JAVA_FLOAT, at + 4L * i);
    }

    /**
     * Sets an element of the run that has been placed.
     *
     * @param i its place in the run
     * @param value its value
     */
    void set(int i, float value) {
        memory.set(JAVA_FLOAT, at + 4L * i, value);
    }

    /**
     * Brings a run into view.
     *
     * @param position its first element
     * @param count how many, at most {@link Walk#RUN}
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
     * Makes room for a run that will be written whole.
     *
     * @param position its first element
     */
    void place(long position) {
        at = direct ? position * Float.BYTES : 0;
    }

    /**
     * Moves a written run into the operand.
     *
     * @param position its first element
     * @param count how many
     */
    void write(long position, int count) {
        if (!direct) {
            Elements.narrow(memory, 0, operand, dtype, position, stride, count);
        }
    }

    /**
     * Moves the run that another window views into the operand.
     *
     * @param position its first element here
     * @param count how many
     * @param source the other window
     */
    void write(long position, int count, RunWindow source) {
        Elements.narrow(source.memory, source.at, operand, dtype, position, stride, count);
    }

    /**
     * Sets the run that has been placed.
     *
     * @param value the value
     * @param count how many
     */
    void fill(float value, int count) {
        Elements.fill(memory, at, value, count);
    }
}

package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * Neighbouring elements of a floating operand, seen as f32: for an F32 operand its own memory, for BF16 and F16 a block that elements are widened
 * into and rounded from. Kernels know the one form only. A window belongs to one task and moves from row to row; loops take it as it is and
 * {@link #view} what it shows, so that rows cost no objects. For operands whose elements are not neighbours there is {@link RunWindow}.
 */
final class RowWindow {
    /** About how many elements make a task of the worker pool: some ten microseconds of work, at least. */
    static final long TASK = 32_768;

    private final MemorySegment operand;
    private final DType dtype;
    private final long offset;
    private final MemorySegment memory;
    /** Where in the memory the elements in view begin. */
    private long position;

    /**
     * A window on a tensor.
     *
     * @param tensor F32, BF16 or F16
     * @param capacity the most elements seen at a time
     * @param scratch where the block comes from, if one is needed
     */
    RowWindow(Tensor tensor, long capacity, Arena scratch) {
        operand = Elements.segment(tensor);
        dtype = tensor.dtype();
        offset = tensor.offset();
        memory = dtype == DType.F32 ? operand : scratch.allocate(JAVA_FLOAT, capacity);
    }

    /**
     * How many rows of a width make a task.
     *
     * @param width elements of a row
     * @return at least 1
     */
    static long rowsPerTask(long width) {
        return Math.max(1, TASK / Math.max(1, width));
    }

    /**
     * The elements of a row of a tensor.
     *
     * @param tensor a tensor of rank 1 or more
     * @return the extent of the innermost axis
     */
    static int width(Tensor tensor) {
        return Math.toIntExact(tensor.size(-1));
    }

    /**
     * Brings elements into view.
     *
     * @param first the first element, counted from the tensor's first
     * @param count how many
     * @return this window
     */
    RowWindow read(long first, int count) {
        if (dtype != DType.F32) {
            Elements.widen(operand, dtype, offset + first, 1, memory, count);
        }
        return place(first, count);
    }

    /**
     * Where elements that will all be written have their place.
     *
     * @param first the first element, counted from the tensor's first
     * @param count how many
     * @return this window
     */
    RowWindow place(long first, int count) {
        Objects.checkFromIndexSize(position(first), count, memory.byteSize() / Float.BYTES);
        position = position(first);
        return this;
    }

    private long position(long first) {
        return dtype == DType.F32 ? offset + first : 0;
    }

    /**
     * The elements in view, for the method that loops over them.
     *
     * @param count how many
     * @return the elements, and nothing else
     */
    MemorySegment view(int count) {
        return NativeView.of(memory, position, count);
    }

    /**
     * A number of the elements in view.
     *
     * @param reduction which
     * @param count how many elements
     * @param parameter the step's number
     * @param to takes the copies; this window where there are none
     * @return the number
     */
    float reduce(ContiguousReduction reduction, int count, float parameter, RowWindow to) {
        return reduction.of(memory, position, count, parameter, to.memory, to.position);
    }

    /**
     * The elements in view, to be handed on.
     *
     * @param count how many
     * @return the elements, and nothing else
     */
    MemorySegment slice(int count) {
        return RowMath.slice(memory, position, count);
    }

    /**
     * Puts written elements into the operand, rounded to nearest even.
     *
     * @param first the first element, counted from the tensor's first
     * @param count how many
     */
    void write(long first, int count) {
        if (dtype != DType.F32) {
            Elements.narrow(memory, 0, operand, dtype, offset + first, 1, count);
        }
    }
}

package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * A view of contiguous elements of a floating operand as f32: for F32 the operand's own memory, for BF16 and F16 a block to which elements are
 * widened and from which they are rounded. So kernels are written for f32 alone. A window belongs to one task and moves from row to row. Loops call
 * {@link #view} on it, so that rows cost no objects. {@link RunWindow} is for operands whose elements are not contiguous.
 */
final class RowWindow {
    /** The approximate number of elements of a task of the worker pool: at least some ten microseconds of work. */
    static final long TASK = 32_768;

    private final MemorySegment operand;
    private final DType dtype;
    private final long offset;
    private final MemorySegment memory;
    /** The position in the memory where the elements in view begin. */
    private long position;

    /**
     * A window on a tensor.
     *
     * @param tensor F32, BF16 or F16
     * @param capacity the maximum number of elements in view
     * @param scratch allocates the block, if one is needed
     */
    RowWindow(Tensor tensor, long capacity, Arena scratch) {
        operand = Elements.segment(tensor);
        dtype = tensor.dtype();
        offset = tensor.offset();
        memory = dtype == DType.F32 ? operand : scratch.allocate(JAVA_FLOAT, capacity);
    }

    /**
     * The number of rows of a task.
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
     * Moves the window to elements and reads them.
     *
     * @param first the first element, counted from the tensor's first
     * @param count the number of elements
     * @return this window
     */
    RowWindow read(long first, int count) {
        if (dtype != DType.F32) {
            Elements.widen(operand, dtype, offset + first, 1, memory, count);
        }
        return place(first, count);
    }

    /**
     * Moves the window to elements that will all be written, without reading them.
     *
     * @param first the first element, counted from the tensor's first
     * @param count the number of elements
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
     * The elements in view; called by the method that loops over them.
     *
     * @param count the number of elements
     * @return exactly these elements
     */
    MemorySegment view(int count) {
        return NativeView.of(memory, position, count);
    }

    /**
     * Reduces the elements in view.
     *
     * @param reduction the reduction
     * @param count the number of elements
     * @param parameter the step's number
     * @return the result
     */
    float reduce(ContiguousReduction reduction, int count, float parameter) {
        return reduction.of(memory, position, count, parameter);
    }

    /**
     * The elements in view, for passing on.
     *
     * @param count the number of elements
     * @return exactly these elements
     */
    MemorySegment slice(int count) {
        return RowMath.slice(memory, position, count);
    }

    /**
     * Stores written elements in the operand, rounded to nearest even.
     *
     * @param first the first element, counted from the tensor's first
     * @param count the number of elements
     */
    void write(long first, int count) {
        if (dtype != DType.F32) {
            Elements.narrow(memory, 0, operand, dtype, offset + first, 1, count);
        }
    }
}

package kept.backend;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.function.IntToDoubleFunction;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Tensors written and read on the host, element by element by their strides, without any kernel: the yardstick of the kernels' contract. */
final class HostTensor {
    /** What lies between the elements of a result, and must stay. */
    private static final double UNTOUCHED = -768;

    private HostTensor() {}

    /**
     * A tensor of given values.
     *
     * @param dtype the element type
     * @param layout how it lies in memory
     * @param values the value at each place in memory, rounded to the type
     * @param dimensions the shape
     * @return the tensor
     */
    static Tensor of(DType dtype, Layout layout, IntToDoubleFunction values, long... dimensions) {
        return of(dtype, layout.strides(dimensions), layout.offset(), values, dimensions);
    }

    /**
     * A tensor of given values, with strides of its own.
     *
     * @param dtype the element type
     * @param strides elements between neighbours along each axis
     * @param offset where the first element lies
     * @param values the value at each place in memory, rounded to the type
     * @param dimensions the shape
     * @return the tensor
     */
    static Tensor of(DType dtype, long[] strides, long offset, IntToDoubleFunction values, long... dimensions) {
        long span = offset + 1;
        for (int axis = 0; axis < dimensions.length; axis++) {
            span += Math.max(0, dimensions[axis] - 1) * strides[axis];
        }
        byte[] bytes = new byte[Math.toIntExact(span * dtype.bytes())];
        MemorySegment data = MemorySegment.ofArray(bytes);
        for (int i = 0; i < span; i++) {
            write(data, dtype, i, values.applyAsDouble(i));
        }
        Tensor buffer = Tensor.from(data, dtype, Shape.of(span));
        return TensorMemory.view(buffer, Shape.of(dimensions), strides, offset);
    }

    /**
     * A tensor for results.
     *
     * @param dtype the element type
     * @param layout how it lies in memory
     * @param dimensions the shape
     * @return the tensor
     */
    static Tensor result(DType dtype, Layout layout, long... dimensions) {
        return of(dtype, layout, _ -> UNTOUCHED, dimensions);
    }

    /**
     * The elements in row-major order.
     *
     * @param tensor any tensor
     * @return their values, exactly (but for I64 beyond 2^53)
     */
    static double[] values(Tensor tensor) {
        double[] memory = memory(tensor);
        double[] values = new double[Math.toIntExact(tensor.elementCount())];
        for (int i = 0; i < values.length; i++) {
            values[i] = memory[position(tensor, i)];
        }
        return values;
    }

    /**
     * Whether all memory between a result's elements is as it was.
     *
     * @param result made by {@link #result}
     * @return true if only elements were written
     */
    static boolean isUntouchedBetween(Tensor result) {
        double[] memory = memory(result);
        double untouched = rounded(result.dtype(), UNTOUCHED);
        for (int i = 0; i < result.elementCount(); i++) {
            memory[position(result, i)] = untouched;
        }
        for (int i = 0; i < result.offset(); i++) {
            if (memory[i] != untouched) {
                return false;
            }
        }
        long last = result.elementCount() == 0 ? 0 : position(result, (int) result.elementCount() - 1);
        for (int i = 0; i < last; i++) {
            if (memory[i] != untouched) {
                return false;
            }
        }
        return true;
    }

    /**
     * Rounds as a kernel must: to f32 or f64, then to the type, to nearest even; integers are truncated and saturate; all but 0 is true.
     *
     * @param dtype the element type
     * @param value an exact value
     * @return the value a tensor holds
     */
    static double rounded(DType dtype, double value) {
        MemorySegment one = MemorySegment.ofArray(new byte[8]);
        write(one, dtype, 0, dtype.arithmetic() == DType.F32 ? (float) value : value);
        return read(one, dtype, 0);
    }

    /**
     * Rounds a float64 at once, as copies of F64 do.
     *
     * @param dtype the element type
     * @param value any number
     * @return the value a tensor holds
     */
    static double roundedOnce(DType dtype, double value) {
        MemorySegment one = MemorySegment.ofArray(new byte[8]);
        write(one, dtype, 0, value);
        return read(one, dtype, 0);
    }

    private static double[] memory(Tensor tensor) {
        DType dtype = tensor.dtype();
        // To the last element: a device may hold that what lies behind was never written.
        long span = tensor.elementCount() == 0 ? tensor.offset() : 1 + position(tensor, tensor.elementCount() - 1);
        MemorySegment data = MemorySegment.ofArray(new byte[Math.toIntExact(span * dtype.bytes())]);
        tensor.backend().download(TensorMemory.buffer(tensor), 0, data);
        double[] memory = new double[(int) data.byteSize() / dtype.bytes()];
        for (int i = 0; i < memory.length; i++) {
            memory[i] = read(data, dtype, i);
        }
        return memory;
    }

    private static int position(Tensor tensor, long index) {
        long position = tensor.offset();
        for (int axis = tensor.rank() - 1; axis >= 0; axis--) {
            position += index % tensor.size(axis) * tensor.stride(axis);
            index /= tensor.size(axis);
        }
        return (int) position;
    }

    private static double read(MemorySegment data, DType dtype, long i) {
        return switch (dtype) {
            case F32 -> data.getAtIndex(JAVA_FLOAT_UNALIGNED, i);
            case BF16 -> Float.intBitsToFloat(data.getAtIndex(JAVA_SHORT_UNALIGNED, i) << 16);
            case F16 -> Float.float16ToFloat(data.getAtIndex(JAVA_SHORT_UNALIGNED, i));
            case I32 -> data.getAtIndex(JAVA_INT_UNALIGNED, i);
            case I64 -> data.getAtIndex(JAVA_LONG_UNALIGNED, i);
            case F64 -> data.getAtIndex(JAVA_DOUBLE_UNALIGNED, i);
            case U8, BOOL -> data.get(JAVA_BYTE, i) & 0xff;
        };
    }

    private static void write(MemorySegment data, DType dtype, long i, double value) {
        switch (dtype) {
            case F32 -> data.setAtIndex(JAVA_FLOAT_UNALIGNED, i, (float) value);
            case BF16 -> data.setAtIndex(JAVA_SHORT_UNALIGNED, i, nearestBf16(value));
            case F16 -> data.setAtIndex(JAVA_SHORT_UNALIGNED, i, nearestF16(value));
            case I32 -> data.setAtIndex(JAVA_INT_UNALIGNED, i, (int) value);
            case I64 -> data.setAtIndex(JAVA_LONG_UNALIGNED, i, (long) value);
            case F64 -> data.setAtIndex(JAVA_DOUBLE_UNALIGNED, i, value);
            case U8 -> data.set(JAVA_BYTE, i, (byte) Math.max(0, Math.min(255, (long) value)));
            case BOOL -> data.set(JAVA_BYTE, i, (byte) (value == 0 ? 0 : 1));
        }
    }

    /** By comparing the two neighbours, unlike the arithmetic of kernels. */
    static short nearestBf16(double value) {
        return nearest(value, 0x7f7f, bits -> Float.intBitsToFloat(bits << 16), 128);
    }

    /** By comparing the two neighbours. */
    static short nearestF16(double value) {
        return nearest(value, 0x7bff, bits -> Float.float16ToFloat((short) bits), 16);
    }

    /** Of the positive numbers of 16 bits, up to the largest finite one; beyond it lies what rounding takes for the next power of two. */
    private static short nearest(double value, int largest, IntToDoubleFunction number, int beyond) {
        if (Double.isNaN(value)) {
            return (short) (largest + 0x41 + (largest == 0x7bff ? 0x1c0 : 0));
        }
        double size = Math.abs(value);
        int low = 0;
        int high = largest + 1;
        while (high - low > 1) {
            int middle = low + high >>> 1;
            if (number.applyAsDouble(middle) <= size) {
                low = middle;
            } else {
                high = middle;
            }
        }
        double above = low == largest ? Math.scalb(1.0, beyond) : number.applyAsDouble(low + 1);
        double down = size - number.applyAsDouble(low);
        double up = above - size;
        int bits = Double.isInfinite(size) || up < down || up == down && (low & 1) == 1 ? low + 1 : low;
        return (short) (bits | (Math.copySign(1, value) < 0 ? 0x8000 : 0));
    }
}

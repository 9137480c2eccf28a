package kept.backend;

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
        for (int i = 0; i < result.elementCount(); i++) {
            memory[position(result, i)] = UNTOUCHED;
        }
        for (int i = 0; i < result.offset(); i++) {
            if (memory[i] != UNTOUCHED) {
                return false;
            }
        }
        long last = result.elementCount() == 0 ? 0 : position(result, (int) result.elementCount() - 1);
        for (int i = 0; i < last; i++) {
            if (memory[i] != UNTOUCHED) {
                return false;
            }
        }
        return true;
    }

    /**
     * Rounds as a kernel must: to f32, then to the type, to nearest even; integers are truncated and saturate.
     *
     * @param dtype the element type
     * @param value an exact value
     * @return the value a tensor holds
     */
    static double rounded(DType dtype, double value) {
        MemorySegment one = MemorySegment.ofArray(new byte[8]);
        write(one, dtype, 0, dtype.isFloating() ? (float) value : value);
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
        };
    }

    private static void write(MemorySegment data, DType dtype, long i, double value) {
        switch (dtype) {
            case F32 -> data.setAtIndex(JAVA_FLOAT_UNALIGNED, i, (float) value);
            case BF16 -> data.setAtIndex(JAVA_SHORT_UNALIGNED, i, nearestBf16(value));
            case F16 -> data.setAtIndex(JAVA_SHORT_UNALIGNED, i, Float.floatToFloat16((float) value));
            case I32 -> data.setAtIndex(JAVA_INT_UNALIGNED, i, (int) value);
            case I64 -> data.setAtIndex(JAVA_LONG_UNALIGNED, i, (long) value);
        }
    }

    /** By comparing the two neighbours, unlike the arithmetic of kernels. */
    static short nearestBf16(double value) {
        if (Double.isNaN(value)) {
            return (short) 0x7fc0;
        }
        float f = (float) value;
        short below = (short) (Float.floatToRawIntBits(f) >>> 16);
        short above = (short) (below + 1);
        if (Float.isInfinite(f)) {
            return below;
        }
        // Beyond the largest bf16 lies what would be 2^128, the value at which rounding gives infinity.
        double high = Float.isInfinite(Float.intBitsToFloat(above << 16)) ? Math.scalb((double) Math.signum(f), 128)
                : Float.intBitsToFloat(above << 16);
        double down = Math.abs(f - (double) Float.intBitsToFloat(below << 16));
        double up = Math.abs(high - f);
        return down < up || down == up && (below & 1) == 0 ? below : above;
    }
}

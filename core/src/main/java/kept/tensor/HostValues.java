package kept.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import kept.tensor.internal.Arguments;

/** Copies elements of a {@link Tensor} to the host and back. */
public sealed interface HostValues permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The elements as floats, rounded to nearest even.
     *
     * @return a fresh array in row-major order
     */
    default float[] toFloatArray() {
        float[] values = new float[arrayLength("toFloatArray")];
        downloadAs(DType.F32, MemorySegment.ofArray(values));
        return values;
    }

    /**
     * The elements as doubles; exact, except for I64 beyond 2^53.
     *
     * @return a fresh array in row-major order
     */
    default double[] toDoubleArray() {
        double[] values = new double[arrayLength("toDoubleArray")];
        if (self().dtype() == DType.F64) {
            downloadAs(DType.F64, MemorySegment.ofArray(values));
        } else if (self().dtype().isFloating()) {
            float[] floats = toFloatArray();
            Arrays.setAll(values, i -> floats[i]);
        } else {
            long[] longs = toLongArray();
            Arrays.setAll(values, i -> longs[i]);
        }
        return values;
    }

    /**
     * The elements as booleans: false for 0, true for all others, including NaN.
     *
     * @return a fresh array in row-major order
     */
    default boolean[] toBooleanArray() {
        double[] numbers = toDoubleArray();
        boolean[] values = new boolean[numbers.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = numbers[i] != 0;
        }
        return values;
    }

    /**
     * The elements as longs; floating ones are truncated towards zero, NaN is 0, and those beyond 64 bits are the smallest or largest long.
     *
     * @return a fresh array in row-major order
     */
    default long[] toLongArray() {
        long[] values = new long[arrayLength("toLongArray")];
        downloadAs(DType.I64, MemorySegment.ofArray(values));
        return values;
    }

    /**
     * The only element, as an f32; {@link #get} returns a double.
     *
     * @return its value, rounded to f32
     * @throws ShapeException if there is not exactly one
     */
    default float item() {
        long count = self().elementCount();
        if (count != 1) {
            throw new ShapeException("[item] needs exactly one element, not the %d of %s".formatted(count, self().shape()));
        }
        return toFloatArray()[0];
    }

    /**
     * One element. Each call waits for the device; for many elements {@link #toFloatArray} is faster.
     *
     * @param index an index for each axis; negative ones count from the end
     * @return its value, rounded if it is an integer beyond 2^53
     * @throws ShapeException if there is no such element
     */
    default double get(long... index) {
        Tensor element = Layouts.element("get", self(), index);
        return element.dtype().isFloating() ? element.toDoubleArray()[0] : element.toLongArray()[0];
    }

    /**
     * Copies the elements to host memory, in row-major order and this dtype.
     *
     * @param target a segment of exactly the elements' size in bytes
     * @throws ShapeException if the target's size differs
     */
    default void download(MemorySegment target) {
        checkBytes("download", target);
        downloadAs(self().dtype(), target);
    }

    /**
     * Overwrites a contiguous tensor with elements from host memory, in row-major order and this dtype.
     *
     * @param data a segment of exactly the elements' size in bytes
     * @throws ShapeException if the source's size differs, or this tensor is not contiguous
     */
    default void upload(MemorySegment data) {
        Tensor target = self();
        checkBytes("upload", data);
        if (!target.isContiguous()) {
            throw new ShapeException("[upload] needs a contiguous tensor, not %s with strides %s"
                    .formatted(target.shape(), Arrays.toString(target.strides())));
        }
        try (var call = new KernelCall("upload")) {
            call.writes(target);
            target.backend().upload(target.dtype() == DType.BOOL ? truths(data) : data, target.buffer(), target.offset() * target.dtype().bytes());
        }
    }

    /** Bytes that are 0 or 1, as kernels assume. */
    private static MemorySegment truths(MemorySegment data) {
        byte[] bytes = data.toArray(ValueLayout.JAVA_BYTE);
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (bytes[i] != 0 ? 1 : 0);
        }
        return MemorySegment.ofArray(bytes);
    }

    private int arrayLength(String operation) {
        long count = self().elementCount();
        if (count > Integer.MAX_VALUE - 8) {
            throw new ShapeException("[%s] the %d elements of %s are more than an array holds; download them, or take a slice"
                    .formatted(operation, count, self().shape()));
        }
        return (int) count;
    }

    private void checkBytes(String operation, MemorySegment segment) {
        Tensor tensor = self();
        Arguments.present(operation, "the host memory", segment);
        long bytes = tensor.elementCount() * tensor.dtype().bytes();
        if (segment.byteSize() != bytes) {
            throw new ShapeException("[%s] %s %s takes %d bytes, not %d"
                    .formatted(operation, tensor.dtype().label(), tensor.shape(), bytes, segment.byteSize()));
        }
    }

    private void downloadAs(DType type, MemorySegment target) {
        Tensor source = self();
        try (var _ = Scope.open(source.device())) {
            if (type != source.dtype() || !source.isContiguous()) {
                source = Tensor.empty(type, source.shape());
                source.backend().copy(self(), source);
            }
            try (var call = new KernelCall("download")) {
                call.reads(source);
                source.backend().download(source.buffer(), source.offset() * type.bytes(), target);
            }
        }
    }
}

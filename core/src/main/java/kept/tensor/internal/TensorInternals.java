package kept.tensor.internal;

import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;
import kept.backend.Buffer;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Operations on tensors for the library's own packages, which users of the library do not see. {@code kept.tensor} provides the {@link Access} when
 * the class {@link Tensor} is loaded, so before any tensor exists.
 */
public final class TensorInternals {
    private static Access access;

    private TensorInternals() {}

    /** The methods of {@link Tensor} that are not public. */
    public interface Access {
        /**
         * {@link TensorInternals#buffer}.
         *
         * @param tensor the tensor
         * @return the buffer
         */
        Buffer buffer(Tensor tensor);

        /**
         * {@link TensorInternals#view}.
         *
         * @param tensor the tensor
         * @param shape the view's shape
         * @param strides elements between neighbours along each axis
         * @param offset the index of the first element in the buffer
         * @return the view
         */
        Tensor view(Tensor tensor, Shape shape, long[] strides, long offset);

        /**
         * {@link TensorInternals#expandedStrides}.
         *
         * @param tensor the tensor
         * @param target the shape to expand to
         * @param operation the name that an error message starts with
         * @return the strides
         */
        long[] expandedStrides(Tensor tensor, Shape target, String operation);

        /**
         * {@link TensorInternals#version}.
         *
         * @param tensor the tensor
         * @return the count
         */
        int version(Tensor tensor);

        /**
         * {@link TensorInternals#node}.
         *
         * @param tensor the tensor
         * @return the node or null
         */
        Node node(Tensor tensor);

        /**
         * {@link TensorInternals#recordedBy}.
         *
         * @param tensor the tensor
         * @param maker the node
         * @return a view with the node
         */
        Tensor recordedBy(Tensor tensor, Node maker);

        /**
         * {@link TensorInternals#gradientAccumulator}.
         *
         * @param leaf the leaf
         * @return its gradient
         */
        Tensor gradientAccumulator(Tensor leaf);

        /**
         * {@link TensorInternals#setGradient}.
         *
         * @param leaf the leaf
         * @param sum its gradient
         */
        void setGradient(Tensor leaf, Tensor sum);

        /**
         * {@link TensorInternals#onHost}.
         *
         * @param read the tensor to read, or null
         * @param written the tensor to write, or null
         * @param use what to do with their memory
         */
        void onHost(Tensor read, Tensor written, BiConsumer<MemorySegment, MemorySegment> use);

        /**
         * {@link TensorInternals#onDevice}.
         *
         * @param read the tensor to read, or null
         * @param written the tensor to write, or null
         * @param use what to do with them
         */
        void onDevice(Tensor read, Tensor written, Runnable use);

        /**
         * {@link TensorInternals#memory}.
         *
         * @param tensor the tensor
         * @return the identity of its memory
         */
        Object memory(Tensor tensor);

        /**
         * {@link TensorInternals#elsewhere}.
         *
         * @param dtype the element type
         * @param shape the shape
         * @param residence where the elements are
         * @return the tensor
         */
        Tensor elsewhere(DType dtype, Shape shape, Residence residence);

        /**
         * {@link TensorInternals#lend}.
         *
         * @param tensor the tensor without memory
         * @param elements a tensor with its elements
         */
        void lend(Tensor tensor, Tensor elements);

        /**
         * {@link TensorInternals#withdraw}.
         *
         * @param tensor the tensor
         */
        void withdraw(Tensor tensor);

        /**
         * {@link TensorInternals#isInUse}.
         *
         * @param tensor the tensor
         * @return true if a kernel does
         */
        boolean isInUse(Tensor tensor);
    }

    /**
     * Sets the access; called by {@code kept.tensor}.
     *
     * @param tensors the access to tensors
     */
    public static void provide(Access tensors) {
        access = tensors;
    }

    /**
     * The memory behind a tensor.
     *
     * @param tensor the tensor
     * @return the buffer
     * @throws kept.tensor.ScopeException if the tensor's scope has closed
     */
    public static Buffer buffer(Tensor tensor) {
        return access.buffer(tensor);
    }

    /**
     * Another view of a tensor's memory; not recorded.
     *
     * @param tensor the tensor
     * @param shape the view's shape
     * @param strides elements between neighbours along each axis
     * @param offset the index of the first element in the buffer
     * @return the view
     * @throws kept.tensor.ShapeException if an element lies outside of the buffer
     */
    public static Tensor view(Tensor tensor, Shape shape, long[] strides, long offset) {
        return access.view(tensor, shape, strides, offset);
    }

    /**
     * The strides of a tensor as an expanded view of a larger shape: 0 along axes that are broadcast.
     *
     * @param tensor the tensor
     * @param target the shape to expand to
     * @param operation the name that an error message starts with
     * @return the strides
     * @throws kept.tensor.ShapeException if the tensor's shape does not broadcast to the target
     */
    public static long[] expandedStrides(Tensor tensor, Shape target, String operation) {
        return access.expandedStrides(tensor, target, operation);
    }

    /**
     * The number of writes to the memory of a tensor and its views, by kernels, copies and optimizers.
     *
     * @param tensor the tensor
     * @return a count; if it has not changed, neither have the elements
     */
    public static int version(Tensor tensor) {
        return access.version(tensor);
    }

    /**
     * The recorded operation that created a tensor.
     *
     * @param tensor the tensor
     * @return the node of the tape, or null for a leaf or a tensor that is not recorded
     */
    public static Node node(Tensor tensor) {
        return access.node(tensor);
    }

    /**
     * A tensor as the result of a recorded operation.
     *
     * @param tensor the value
     * @param maker the tape's node
     * @return a view with the node
     */
    public static Tensor recordedBy(Tensor tensor, Node maker) {
        return access.recordedBy(tensor, maker);
    }

    /**
     * The gradient of a leaf for adding to it, created with zeros if there is none; it lives as long as the leaf.
     *
     * @param leaf the leaf
     * @return a contiguous tensor of its shape and {@linkplain Tensor#gradientType gradient type}
     */
    public static Tensor gradientAccumulator(Tensor leaf) {
        return access.gradientAccumulator(leaf);
    }

    /**
     * Makes a tensor the gradient of a leaf that has none yet; the tensor then lives as long as the leaf.
     *
     * @param leaf the leaf
     * @param sum a contiguous tensor of its shape and {@linkplain Tensor#gradientType gradient type}, whose memory nothing else uses
     * @throws TensorException if it is not
     */
    public static void setGradient(Tensor leaf, Tensor sum) {
        access.setGradient(leaf, sum);
    }

    /**
     * Gives the elements of two contiguous tensors to native code as host memory: their own, where the device's memory is the host's, else a copy.
     * Neither is freed before the code ends, and the write is counted.
     *
     * @param read the tensor to read, or null
     * @param written the tensor to write, which shares no memory with the other, or null
     * @param use what to do with their bytes; gets null for null
     */
    public static void onHost(Tensor read, Tensor written, BiConsumer<MemorySegment, MemorySegment> use) {
        access.onHost(read, written, use);
    }

    /**
     * Lets code of a device read and write two contiguous tensors, or queue such work behind that of the device. Neither is freed before the code
     * ends, and the write is counted.
     *
     * @param read the tensor to read, or null
     * @param written the tensor to write, which shares no memory with the other, or null
     * @param use what to do with them
     */
    public static void onDevice(Tensor read, Tensor written, Runnable use) {
        access.onDevice(read, written, use);
    }

    /**
     * The identity of a tensor's memory, without a use of its elements.
     *
     * @param tensor the tensor, which may have been released
     * @return the same object for all views of one memory
     */
    public static Object memory(Tensor tensor) {
        return access.memory(tensor);
    }

    /**
     * A tensor of the current scope that has no memory until a {@link Residence} lends it some.
     *
     * @param dtype the element type
     * @param shape the shape
     * @param residence where the elements are; asked before each use
     * @return the tensor, contiguous
     */
    public static Tensor elsewhere(DType dtype, Shape shape, Residence residence) {
        return access.elsewhere(dtype, shape, residence);
    }

    /**
     * Lends a tensor the memory of another one, which is released by that. The tensor's {@link #version} stays: its elements are what they were.
     *
     * @param tensor a tensor that is {@linkplain #elsewhere elsewhere}
     * @param elements a contiguous tensor of its dtype, shape and device, which has memory of its own and is not used any more
     */
    public static void lend(Tensor tensor, Tensor elements) {
        access.lend(tensor, elements);
    }

    /**
     * Frees the memory lent to a tensor, if it has any. No kernel may be using it.
     *
     * @param tensor a tensor that is {@linkplain #elsewhere elsewhere}
     */
    public static void withdraw(Tensor tensor) {
        access.withdraw(tensor);
    }

    /**
     * Whether a kernel uses a tensor's memory now.
     *
     * @param tensor the tensor
     * @return true if it must not be withdrawn
     */
    public static boolean isInUse(Tensor tensor) {
        return access.isInUse(tensor);
    }
}

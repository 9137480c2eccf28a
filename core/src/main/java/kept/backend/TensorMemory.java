package kept.backend;

import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.TensorInternals;

/**
 * Access to a tensor's memory for the authors of devices: the buffer that the device allocated, and views of it. With {@link Tensor#shape}, {@link
 * Tensor#strides} and {@link Tensor#offset} a kernel finds each element.
 */
public final class TensorMemory {
    private TensorMemory() {}

    /**
     * The memory behind a tensor.
     *
     * @param tensor the tensor
     * @return the buffer that the device allocated
     * @throws kept.tensor.ScopeException if the tensor's scope has closed
     */
    public static Buffer buffer(Tensor tensor) {
        return TensorInternals.buffer(tensor);
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
        return TensorInternals.view(tensor, shape, strides, offset);
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
        return TensorInternals.expandedStrides(tensor, target, operation);
    }
}

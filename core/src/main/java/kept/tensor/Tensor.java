package kept.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import kept.autograd.Autograd;
import kept.autograd.operation.Concat;
import kept.autograd.operation.Where;
import kept.backend.Backend;
import kept.backend.Buffer;
import kept.tensor.internal.Arguments;
import kept.tensor.internal.MemoryReads;
import kept.tensor.internal.Node;
import kept.tensor.internal.Residence;
import kept.tensor.internal.TensorInternals;

/**
 * A dense array of numbers on a device, with a shape and strides. Views (reshape, transpose, slice, expand) share memory. The operations come from
 * the interfaces this class implements, one for each kind, and are differentiable unless they say otherwise. Gradients are F32, or F64 for F64
 * tensors.
 *
 * <p>Memory belongs to a {@link Scope}. Several threads may read a tensor at once, if none writes it or its gradient.
 */
public final class Tensor extends TensorCreation
        implements HostValues, InPlace, Elementwise, Logic, Reductions, Products, Views, Indexing, Arrangements {
    static {
        TensorInternals.provide(new TensorAccess());
    }

    /** The most bytes that a tensor can have, if there were a device with as many. */
    private static final long MAX_BYTES = 1L << 60;

    private final Storage storage;
    private final DType dtype;
    private final Shape shape;
    private final long[] strides;
    private final long offset;
    /** The recorded operation that created this tensor, or null. */
    private final Node node;
    private boolean requiresGradient;
    private DType gradientType;
    private Tensor gradient;

    private Tensor(Storage storage, DType dtype, Shape shape, long[] strides, long offset, Node node) {
        this.storage = storage;
        this.dtype = dtype;
        this.shape = shape;
        this.strides = strides;
        this.offset = offset;
        this.node = node;
        gradientType = dtype == DType.F64 ? DType.F64 : DType.F32;
    }

    // Creation, in the current scope

    /**
     * A tensor with arbitrary contents.
     *
     * @param dtype the element type
     * @param shape the shape
     * @return the tensor
     * @throws DTypeException if the device does not have the type
     * @throws OutOfMemoryException if the device has no room
     */
    public static Tensor empty(DType dtype, Shape shape) {
        Arguments.present("empty", "the dtype", dtype);
        Arguments.present("empty", "the shape", shape);
        Scope scope = Scope.current();
        if (!scope.device().backend().has(dtype)) {
            throw new DTypeException("[empty] the device %s has no %s yet; cast to f32 first, or use the device cpu"
                    .formatted(scope.device(), dtype.label()));
        }
        long bytes = shape.elementCount() * dtype.bytes();
        // Devices round up to their blocks, in 64 bits.
        if (shape.elementCount() > MAX_BYTES / dtype.bytes()) {
            throw new ShapeException("[empty] too many bytes for a 64-bit count: %s %s".formatted(dtype.label(), shape));
        }
        var storage = new Storage(scope.device(), scope.device().backend().allocate(bytes), bytes);
        MemoryReads.allocated(storage);
        scope.add(storage);
        return new Tensor(storage, dtype, shape, shape.contiguousStrides(), 0, null);
    }

    /** A tensor whose memory a residence lends. */
    static Tensor elsewhere(DType dtype, Shape shape, Residence residence) {
        Scope scope = Scope.current();
        Storage storage = Storage.elsewhere(scope.device(), residence, shape.elementCount() * dtype.bytes());
        scope.add(storage);
        return new Tensor(storage, dtype, shape, shape.contiguousStrides(), 0, null);
    }

    /**
     * A tensor filled with one value.
     *
     * @param value the value, converted to the dtype
     * @param dtype the element type
     * @param shape the shape
     * @return the tensor
     */
    public static Tensor full(double value, DType dtype, Shape shape) {
        return empty(dtype, shape).fill(value);
    }

    /**
     * An F32 tensor of zeros.
     *
     * @param dimensions the shape
     * @return the tensor
     */
    public static Tensor zeros(long... dimensions) {
        return full(0, DType.F32, Shape.of(dimensions));
    }

    /**
     * An F32 tensor of ones.
     *
     * @param dimensions the shape
     * @return the tensor
     */
    public static Tensor ones(long... dimensions) {
        return full(1, DType.F32, Shape.of(dimensions));
    }

    /**
     * A scalar: a tensor without axes.
     *
     * @param value the value, converted to the dtype
     * @param dtype the element type
     * @return the scalar
     */
    public static Tensor scalar(double value, DType dtype) {
        return full(value, dtype, Shape.of());
    }

    /**
     * An F32 tensor of given values.
     *
     * @param values the elements in row-major order
     * @param dimensions the shape; none for one axis of all values
     * @return the tensor
     * @throws ShapeException if the shape does not hold as many elements
     */
    public static Tensor of(float[] values, long... dimensions) {
        return from(MemorySegment.ofArray(Arguments.present("of", "the array of values", values)), DType.F32, shapeFor(values.length, dimensions));
    }

    /**
     * An I32 tensor of given values.
     *
     * @param values the elements in row-major order
     * @param dimensions the shape; none for one axis of all values
     * @return the tensor
     * @throws ShapeException if the shape does not hold as many elements
     */
    public static Tensor of(int[] values, long... dimensions) {
        return from(MemorySegment.ofArray(Arguments.present("of", "the array of values", values)), DType.I32, shapeFor(values.length, dimensions));
    }

    /**
     * An I64 tensor of given values.
     *
     * @param values the elements in row-major order
     * @param dimensions the shape; none for one axis of all values
     * @return the tensor
     * @throws ShapeException if the shape does not hold as many elements
     */
    public static Tensor of(long[] values, long... dimensions) {
        return from(MemorySegment.ofArray(Arguments.present("of", "the array of values", values)), DType.I64, shapeFor(values.length, dimensions));
    }

    /**
     * An F64 tensor of given values.
     *
     * @param values the elements in row-major order
     * @param dimensions the shape; none for one axis of all values
     * @return the tensor
     * @throws ShapeException if the shape does not hold as many elements
     */
    public static Tensor of(double[] values, long... dimensions) {
        return from(MemorySegment.ofArray(Arguments.present("of", "the array of values", values)), DType.F64, shapeFor(values.length, dimensions));
    }

    /**
     * A U8 tensor of given bytes; -1 is 255.
     *
     * @param values the elements in row-major order
     * @param dimensions the shape; none for one axis of all values
     * @return the tensor
     * @throws ShapeException if the shape does not hold as many elements
     */
    public static Tensor of(byte[] values, long... dimensions) {
        return from(MemorySegment.ofArray(Arguments.present("of", "the array of values", values)), DType.U8, shapeFor(values.length, dimensions));
    }

    /**
     * A BOOL tensor of given values.
     *
     * @param values the elements in row-major order
     * @param dimensions the shape; none for one axis of all values
     * @return the tensor
     * @throws ShapeException if the shape does not hold as many elements
     */
    public static Tensor of(boolean[] values, long... dimensions) {
        byte[] bytes = new byte[Arguments.present("of", "the array of values", values).length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (values[i] ? 1 : 0);
        }
        return from(MemorySegment.ofArray(bytes), DType.BOOL, shapeFor(bytes.length, dimensions));
    }

    /**
     * A copy of host memory, which holds elements in row-major order and little-endian form.
     *
     * @param data the elements' bytes
     * @param dtype the element type
     * @param shape the shape
     * @return the tensor
     * @throws ShapeException if the segment's size is not the shape's
     */
    public static Tensor from(MemorySegment data, DType dtype, Shape shape) {
        Arguments.present("from", "the host memory", data);
        Tensor tensor = empty(dtype, shape);
        tensor.upload(data);
        return tensor;
    }

    private static Shape shapeFor(int count, long... dimensions) {
        return Arguments.present("of", "the array of extents", dimensions).length == 0 ? Shape.of(count) : Shape.of(dimensions);
    }

    // Operations on a list of tensors; all others are in the interfaces

    /**
     * Concatenates tensors along one axis.
     *
     * @param axis the axis; negative counts from the last
     * @param tensors one or more, of equal shapes except along the axis
     * @return a tensor of the common dtype
     * @throws ShapeException if they differ along another axis
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    public static Tensor concat(int axis, Tensor... tensors) {
        return Autograd.apply(new Concat(axis), tensors);
    }

    /**
     * Stacks tensors of one shape along a new axis.
     *
     * @param axis where the new axis is in the result; negative counts from the result's last
     * @param tensors one or more
     * @return a tensor of the common dtype
     * @throws ShapeException if their shapes differ
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    public static Tensor stack(int axis, Tensor... tensors) {
        int added = Layouts.stackAxis(axis, tensors);
        return concat(added, Arrays.stream(tensors).map(tensor -> tensor.unsqueeze(added)).toArray(Tensor[]::new));
    }

    /**
     * Chooses between two tensors: {@code condition != 0 ? a : b} for each element. All three are broadcast to their common shape.
     *
     * @param condition BOOL, as comparisons give it, or I32
     * @param a taken where the condition holds
     * @param b taken elsewhere
     * @return a tensor of the common shape and of the common dtype of a and b
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the condition is neither BOOL nor I32, or the dtypes of a and b do not go together
     */
    public static Tensor where(Tensor condition, Tensor a, Tensor b) {
        return Autograd.apply(new Where(), condition, a, b);
    }

    /**
     * Sums of products by Einstein's notation, {@code einsum("bij,bjk->bik", a, b)}: a letter for each axis of each tensor and, after the arrow, for
     * each axis of the result. Axes whose letters are not in the result are summed. {@code ...} stands for any number of axes, which broadcast; a
     * letter that occurs twice in one tensor means its diagonal. Without an arrow the result has the letters that occur once, in alphabetical order.
     * Tensors are contracted from left to right. If the equation only permutes the axes of one tensor, the result is a view.
     *
     * @param equation the letters
     * @param tensors one or more
     * @return a tensor of the common dtype
     * @throws ShapeException if the letters do not fit the tensors or each other
     * @throws DTypeException if a tensor is of an integer type
     */
    public static Tensor einsum(String equation, Tensor... tensors) {
        return Einsum.of(equation, tensors);
    }

    // Properties

    /**
     * The element type.
     *
     * @return the dtype
     */
    public DType dtype() {
        return dtype;
    }

    /**
     * The extents.
     *
     * @return the shape
     */
    public Shape shape() {
        return shape;
    }

    /**
     * The number of axes.
     *
     * @return the rank; 0 for a scalar
     */
    public int rank() {
        return shape.rank();
    }

    /**
     * The extent of one axis.
     *
     * @param axis the axis; negative counts from the last
     * @return its extent
     */
    public long size(int axis) {
        return shape.size(axis);
    }

    /**
     * The number of elements.
     *
     * @return the product of the extents
     */
    public long elementCount() {
        return shape.elementCount();
    }

    /**
     * The distance in memory between neighbours along one axis, in elements.
     *
     * @param axis the axis; negative counts from the last
     * @return the stride, 0 where the axis is broadcast
     */
    public long stride(int axis) {
        return strides[Arguments.axis("stride", shape, axis)];
    }

    /**
     * All strides.
     *
     * @return a fresh array, outermost first
     */
    public long[] strides() {
        return strides.clone();
    }

    /**
     * The position of the first element in the buffer.
     *
     * @return the offset in elements
     */
    public long offset() {
        return offset;
    }

    /**
     * Whether the elements lie in memory one after another in row-major order.
     *
     * @return true if dense
     */
    public boolean isContiguous() {
        return Layouts.isContiguous(shape, strides);
    }

    /**
     * The device of the tensor's memory.
     *
     * @return the device
     */
    public Device device() {
        return storage.device();
    }

    /**
     * The kernels of the tensor's device.
     *
     * @return the backend
     */
    public Backend backend() {
        return storage.device().backend();
    }

    /** The memory behind the tensor; refused once the tensor's scope has closed. */
    Buffer buffer() {
        return storage.buffer();
    }

    /**
     * Whether this tensor's memory has been freed, by its scope or early.
     *
     * @return true if it cannot be used any more
     */
    public boolean isReleased() {
        return storage.isReleased();
    }

    Storage storage() {
        return storage;
    }

    @Override
    public Tensor self() {
        return this;
    }

    // Differentiation

    /**
     * Makes this tensor a leaf for which {@link #backward} computes a gradient: in F64 if this is F64, else in F32 ({@link #requireGradient(DType)}
     * chooses the type).
     *
     * @return this tensor
     */
    public Tensor requireGradient() {
        return requireGradient(gradientType);
    }

    /**
     * Makes this tensor a leaf whose gradient is stored in a type: F32, or BF16, which takes half the memory. A backward pass sums its terms in F32
     * and rounds once. Over several passes or uses the sum is rounded after each, so that small terms may be lost in a large sum.
     *
     * @param type the type of {@link #gradient}
     * @return this tensor
     * @throws DTypeException if the elements are integers, or the type is neither F32 nor BF16; for F64 elements, if it is not F64
     * @throws TensorException if a recorded operation made this tensor, or it has a gradient of another type
     */
    public Tensor requireGradient(DType type) {
        if (node != null) {
            throw new TensorException("[requireGradient] a recorded operation made this tensor, so it is no leaf; detach it first");
        }
        Arguments.present("requireGradient", "the gradient's type", type);
        if (!dtype.isFloating() || type != dtype.arithmetic() && (type != DType.BF16 || dtype == DType.F64)) {
            throw new DTypeException("[requireGradient] no %s gradient for %s: f64 has f64, other floats f32 or bf16"
                    .formatted(type.label(), dtype.label()));
        }
        if (gradient != null && gradient.dtype() != type) {
            throw new TensorException("[requireGradient] the gradient is " + gradient.dtype().label() + "; clear it first");
        }
        requiresGradient = true;
        gradientType = type;
        return this;
    }

    /**
     * Whether operations on this tensor are recorded: it is a leaf that requires a gradient, or was computed from one.
     *
     * @return true if gradients flow through it
     */
    public boolean requiresGradient() {
        return requiresGradient || node != null;
    }

    /** The tape's node that created this tensor; null for a leaf or a tensor that is not recorded. */
    Node node() {
        return node;
    }

    /**
     * The gradient that {@link #backward} has accumulated in this leaf.
     *
     * @return a tensor of this shape and of the {@link #gradientType}, or null before the first backward
     */
    public Tensor gradient() {
        return gradient;
    }

    /**
     * The type in which this tensor's gradient is stored.
     *
     * @return F32, or F64 for F64, unless this leaf {@linkplain #requireGradient(DType) asks for another}
     */
    public DType gradientType() {
        return gradientType;
    }

    /** The gradient for adding to it, created with zeros if there is none; it lives as long as this tensor. */
    Tensor gradientAccumulator() {
        if (gradient == null) {
            try (var _ = Scope.open(device())) {
                setGradient(full(0, gradientType, shape));
            }
        }
        return gradient;
    }

    /** Sets the gradient to zeros and keeps its memory for the next backward pass; does nothing if there is none. */
    public void zeroGradient() {
        if (gradient != null) {
            gradient.fill(0);
        }
    }

    /** Frees the gradient; does nothing if there is none. */
    public void clearGradient() {
        if (gradient != null) {
            storage.owner.release(gradient);
            gradient = null;
        }
    }

    /** Makes a tensor the gradient of this leaf, which has none yet. Nothing else uses the tensor's memory, which then lives as long as this leaf. */
    void setGradient(Tensor sum) {
        Layouts.gradient(this, sum);
        storage.owner.adopt(sum);
        gradient = sum;
    }

    /**
     * Computes the gradient of this scalar with respect to every leaf it was computed from, and adds it to theirs.
     *
     * @throws ShapeException if this tensor has more than one element
     * @throws TensorException if nothing was recorded
     */
    public void backward() {
        if (elementCount() != 1) {
            throw new ShapeException("[backward] starts from one element, not %s; reduce it first, or use Autograd.backward".formatted(shape));
        }
        Autograd.backward(this, null);
    }

    /**
     * The same values without their history, so that no gradient flows back.
     *
     * @return a view that is not recorded
     */
    public Tensor detach() {
        return alias(shape, strides, offset);
    }

    // For the library's own packages, which call these methods through TensorInternals

    /** Another view of the same memory, which must contain every element; not recorded. */
    Tensor alias(Shape newShape, long[] newStrides, long newOffset) {
        Layouts.layout(this, newShape, newStrides, newOffset);
        return new Tensor(storage, dtype, newShape, newStrides, newOffset, null);
    }

    /** This value as the result of a recorded operation. */
    Tensor recordedBy(Node maker) {
        return new Tensor(storage, dtype, shape, strides, offset, maker);
    }

    /** The strides of this tensor as an expanded view of a larger shape: 0 along axes that are broadcast. */
    long[] expandedStrides(Shape target, String operation) {
        return Layouts.expandedStrides(shape, strides, target, operation);
    }

    /** The dtype, the shape and the values; the middle of long axes is left out. */
    @Override
    public String toString() {
        return TensorFormat.format(this);
    }
}

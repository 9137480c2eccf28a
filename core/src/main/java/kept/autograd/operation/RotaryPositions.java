package kept.autograd.operation;

import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;
import kept.tensor.internal.TensorInternals;

/**
 * Rotates pairs of features by the angles of their positions, in the rotate-half convention of {@link kept.backend.Backend#rotaryEmbedding}; the
 * gradient is rotated by the opposite angles.
 */
public final class RotaryPositions extends Operation {
    private static final String NAME = "rotary positions";

    private final Tensor cos;
    private final Tensor sin;
    private final boolean inPlace;
    private SavedTensor savedCos;
    private SavedTensor savedSin;

    private RotaryPositions(Tensor cos, Tensor sin, boolean inPlace) {
        this.cos = cos;
        this.sin = sin;
        this.inPlace = inPlace;
    }

    /**
     * Rotates queries or keys.
     *
     * @param x {@code [batch, sequence, heads, D]}, floating, D even
     * @param cos {@code [sequence, D / 2]}, F32, not differentiated
     * @param sin {@code [sequence, D / 2]}, F32, not differentiated
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if the shape of the angles does not match x
     * @throws DTypeException if x is of an integer type or the angles are not F32
     */
    public static Tensor apply(Tensor x, Tensor cos, Tensor sin) {
        return Autograd.apply(new RotaryPositions(cos, sin, false), x);
    }

    /**
     * Rotates queries or keys in place. Use it only for a new tensor that nothing else reads: the backward pass of a recorded operation that saved it
     * would throw.
     *
     * @param x {@code [batch, sequence, heads, D]}, floating, D even; overwritten
     * @param cos {@code [sequence, D / 2]}, F32, not differentiated
     * @param sin {@code [sequence, D / 2]}, F32, not differentiated
     * @return a view of x's memory, or a new tensor if D does not have unit stride
     * @throws ShapeException if the shape of the angles does not match x, or x's elements share memory
     * @throws DTypeException if x is of an integer type or the angles are not F32
     * @throws TensorException if x is a leaf that requires a gradient
     */
    public static Tensor applyInPlace(Tensor x, Tensor cos, Tensor sin) {
        Arguments.usable(NAME, x, cos, sin);
        if (Autograd.isRecording() && x.requiresGradient() && TensorInternals.node(x) == null) {
            throw new TensorException("[%s] a leaf that requires a gradient cannot be rotated in place; use apply".formatted(NAME));
        }
        return Autograd.apply(new RotaryPositions(cos, sin, true), x);
    }

    /**
     * Rotates queries in place and keys into a key-value cache, to which values are copied. Not differentiable.
     *
     * @param q {@code [batch, sequence, heads, D]}, floating, D even and with unit stride; overwritten by the rotated queries
     * @param k {@code [batch, sequence, groups, D]} of q's dtype
     * @param v {@code [batch, sequence, groups, D]} of q's dtype
     * @param cos {@code [sequence, D / 2]}, F32
     * @param sin {@code [sequence, D / 2]}, F32
     * @param keys of k's shape and dtype, D with unit stride: receives the rotated keys
     * @param values of v's shape and dtype, D with unit stride: receives the values
     * @throws ShapeException if a shape does not match
     * @throws DTypeException if the dtypes differ or are not floating, or the angles are not F32
     * @throws TensorException if operations are being recorded
     */
    public static void applyAndAppend(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, Tensor keys, Tensor values) {
        Arguments.usable(NAME, q, k, v, cos, sin, keys, values);
        checkAppended(q, k, v, cos, sin);
        checkPlace(q, k.shape(), keys, values);
        q.backend().rotaryAppend(q, Rows.unitStride(k), Rows.unitStride(v), Operands.rows(cos), Operands.rows(sin), keys, values);
    }

    /**
     * {@link #applyAndAppend} of one position of each of several sequences, each to a cache of its own.
     *
     * @param q {@code [1, sequences, heads, D]}, floating, D even and with unit stride; overwritten by the rotated queries
     * @param k {@code [1, sequences, groups, D]} of q's dtype
     * @param v {@code [1, sequences, groups, D]} of q's dtype
     * @param cos {@code [sequences, D / 2]}, F32
     * @param sin {@code [sequences, D / 2]}, F32
     * @param keys for each sequence {@code [1, 1, groups, D]} of q's dtype, D with unit stride: receives the rotated key
     * @param values for each sequence {@code [1, 1, groups, D]} of q's dtype, D with unit stride: receives the value
     * @throws ShapeException if a shape does not match
     * @throws DTypeException if the dtypes differ or are not floating, or the angles are not F32
     * @throws TensorException if operations are being recorded
     */
    public static void applyAndAppendToEach(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, List<Tensor> keys, List<Tensor> values) {
        Arguments.usable(NAME, q, k, v, cos, sin);
        checkAppended(q, k, v, cos, sin);
        if (q.size(0) != 1 || keys.size() != q.size(1) || values.size() != q.size(1)) {
            throw new ShapeException("[%s] needs q [1, sequences, heads, D], and a place for each sequence's key and value, not %s, %d and %d"
                    .formatted(NAME, q.shape(), keys.size(), values.size()));
        }
        for (int i = 0; i < keys.size(); i++) {
            Arguments.usable(NAME, q, keys.get(i), values.get(i));
            checkPlace(q, Shape.of(1, 1, k.size(2), k.size(3)), keys.get(i), values.get(i));
        }
        q.backend().rotaryAppendToEach(q, Rows.unitStride(k), Rows.unitStride(v), Operands.rows(cos), Operands.rows(sin), keys, values);
    }

    private static void checkAppended(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin) {
        if (Autograd.isRecording()) {
            throw new TensorException("[%s] appending to a cache has no gradient; use Autograd.withoutRecording".formatted(NAME));
        }
        check(q, cos, sin);
        check(k, cos, sin);
        if (k.size(0) != q.size(0) || k.size(3) != q.size(3) || !v.shape().equals(k.shape())) {
            throw new ShapeException("[%s] k and v must be [batch, sequence, groups, D] like q, not %s, %s and %s"
                    .formatted(NAME, k.shape(), v.shape(), q.shape()));
        }
        checkTypes(q, k, v);
        if (q.stride(-1) != 1) {
            throw new ShapeException("[%s] queries must have unit stride along D".formatted(NAME));
        }
    }

    private static void checkPlace(Tensor q, Shape shape, Tensor keys, Tensor values) {
        if (!keys.shape().equals(shape) || !values.shape().equals(shape)) {
            throw new ShapeException("[%s] places in the cache must be %s, like k and v, not %s and %s"
                    .formatted(NAME, shape, keys.shape(), values.shape()));
        }
        checkTypes(q, keys, values);
        if (keys.stride(-1) != 1 || values.stride(-1) != 1) {
            throw new ShapeException("[%s] places in the cache must have unit stride along D".formatted(NAME));
        }
    }

    private static void checkTypes(Tensor q, Tensor... others) {
        for (Tensor other : others) {
            if (other.dtype() != q.dtype()) {
                throw new DTypeException("[%s] all must be %s, not %s".formatted(NAME, q.dtype().label(), other.dtype().label()));
            }
        }
    }

    @Override
    protected String name() {
        return NAME;
    }

    private static void check(Tensor x, Tensor cos, Tensor sin) {
        Arguments.usable(NAME, x, cos, sin);
        Operands.checkFloating(NAME, x);
        if (cos.dtype() != DType.F32 || sin.dtype() != DType.F32) {
            throw new DTypeException("[%s] angles must be f32, not %s and %s".formatted(NAME, cos.dtype().label(), sin.dtype().label()));
        }
        if (x.rank() != 4 || x.size(3) % 2 != 0) {
            throw new ShapeException("[%s] needs [batch, sequence, heads, even D], not %s".formatted(NAME, x.shape()));
        }
        Shape angles = Shape.of(x.size(1), x.size(3) / 2);
        if (!cos.shape().equals(angles) || !sin.shape().equals(angles)) {
            throw new ShapeException("[%s] angles %s and %s for %s must be %s; compute them for as many positions as the sequence has"
                    .formatted(NAME, cos.shape(), sin.shape(), x.shape(), angles));
        }
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        check(x, cos, sin);
        Tensor cosines = Operands.rows(cos);
        Tensor sines = Operands.rows(sin);
        Tensor operand = Rows.unitStride(x);
        Tensor out = inPlace && operand == x ? TensorMemory.view(x, x.shape(), x.strides(), x.offset()) : Tensor.empty(x.dtype(), x.shape());
        out.backend().rotaryEmbedding(operand, cosines, sines, false, out);
        savedCos = saved("its cosines", cosines);
        savedSin = saved("its sines", sines);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor incoming = Rows.unitStride(gradient);
        if (gradients.type(0) == DType.BF16) {
            Tensor dx = Tensor.empty(DType.BF16, gradient.shape());
            dx.backend().rotaryEmbeddingRounded(incoming, savedCos.value(), savedSin.value(), true, dx);
            gradients.add(0, dx);
            return;
        }
        Tensor dx = Operands.inPlaceOf(gradient, gradients);
        dx.backend().rotaryEmbedding(incoming, savedCos.value(), savedSin.value(), true, dx);
        gradients.add(0, dx);
    }
}

package kept.autograd.operation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.SavedTensor;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * The batched matrix product {@code y = a b}, or {@code y = a b^T}; batch axes broadcast. {@code da = gradient b^T} and {@code db = a^T gradient};
 * each is accumulated in place if the operand already has a gradient. An optional third operand is a bias of the innermost axis, which is added to
 * the product in place.
 */
public final class MatMul extends Product {
    private final boolean transposed;
    private SavedTensor first;
    private Tensor b;
    /** The second factor: b, or a view of b with its matrices transposed. */
    private SavedTensor savedRight;

    private boolean hasBias;

    /**
     * Creates the operation.
     *
     * @param transposed whether the second operand holds the transposed factor, as the weight {@code [out, in]} of a linear layer does
     */
    public MatMul(boolean transposed) {
        this.transposed = transposed;
    }

    /**
     * The affine map {@code x weight^T + bias}.
     *
     * @param x {@code [batch..., rows, in]}, floating
     * @param weight {@code [out, in]}, floating
     * @param bias {@code [out]}, floating
     * @return {@code [batch..., rows, out]}, of the common dtype
     * @throws ShapeException if the shapes do not match
     * @throws kept.tensor.DTypeException if one is of an integer type
     */
    public static Tensor linear(Tensor x, Tensor weight, Tensor bias) {
        Arguments.usable("linear", x, weight, bias);
        if (weight.rank() != 2) {
            throw new ShapeException("[linear] with a bias needs a weight [out, in], not %s".formatted(weight.shape()));
        }
        return addsInPlace(bias, x, weight)
                ? Autograd.apply(new MatMul(true), x, weight, bias)
                : Autograd.apply(new MatMul(true), x, weight).add(bias);
    }

    /**
     * The products of x with several transposed matrices, as {@link kept.tensor.Tensor#linear(Tensor)} gives each, bit for bit; in one kernel where
     * the device has one. Not differentiable.
     *
     * @param x {@code [..., in]}, floating
     * @param weights for each product {@code [out, in]}, floating
     * @return for each {@code [..., out]}, of the common dtype of x and its weight
     * @throws ShapeException if a weight is not a matrix or has another number of columns
     * @throws kept.tensor.DTypeException if one is of an integer type
     * @throws TensorException if operations are being recorded
     */
    public static List<Tensor> linearOfEach(Tensor x, List<Tensor> weights) {
        Arguments.usable("linear", x);
        if (Autograd.isRecording()) {
            throw new TensorException("[linear] of several weights has no gradient; use Autograd.withoutRecording");
        }
        for (Tensor weight : Arguments.present("linear", "the list of weights", weights)) {
            Arguments.usable("linear", weight);
            if (x.rank() == 0 || weight.rank() != 2 || weight.size(1) != x.size(-1)) {
                throw new ShapeException("[linear] inner dimensions differ: %s x %s transposed".formatted(x.shape(), weight.shape()));
            }
        }
        boolean isWide = x.dtype() == DType.F64 || weights.stream().anyMatch(weight -> weight.dtype() == DType.F64);
        Tensor rows = x.rank() < 2 || isWide ? null : Operands.viewed(x, rowsShape(x));
        if (rows == null) {
            return weights.stream().map(x::linear).toList();
        }
        List<Tensor> results = new ArrayList<>();
        List<Tensor> outs = new ArrayList<>();
        for (Tensor weight : weights) {
            Operands.checkFloating("linear", x);
            Operands.checkFloating("linear", weight);
            results.add(Tensor.empty(Arguments.promote("linear", x.dtype(), weight.dtype()), x.shape().with(-1, weight.size(0))));
            outs.add(Operands.viewed(results.getLast(), rowsShape(results.getLast())));
        }
        x.backend().linearOfEach(rows, weights, outs);
        return results;
    }

    /** A linear map of which only the backward pass is wanted. */
    static MatMul of(Tensor x, Tensor weight) {
        var map = new MatMul(true);
        map.take(x, weight, Operands.transposed(weight));
        return map;
    }

    private void take(Tensor a, Tensor factor, Tensor right) {
        b = factor;
        first = saved("its operand a", a);
        savedRight = saved("its operand b", right);
    }

    @Override
    protected String name() {
        return transposed ? "linear" : "matmul";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        return result(true, inputs);
    }

    @Override
    protected Tensor outline(Tensor... inputs) {
        return result(false, inputs);
    }

    private Tensor result(boolean isRead, Tensor... inputs) {
        Tensor a = inputs[0];
        Tensor factor = inputs[1];
        if (a.rank() < 2 || factor.rank() < 2) {
            throw new ShapeException("[%s] needs matrices: %s x %s".formatted(name(), a.shape(), factor.shape()));
        }
        Operands.checkFloating(name(), a);
        Operands.checkFloating(name(), factor);
        DType dtype = Arguments.promote(name(), a.dtype(), factor.dtype());
        Tensor right = transposed ? Operands.transposed(factor) : factor;
        if (a.size(-1) != right.size(-2)) {
            throw new ShapeException("[%s] inner dimensions differ: %s x %s%s"
                    .formatted(name(), a.shape(), factor.shape(), transposed ? " transposed" : ""));
        }
        Tensor out = Tensor.empty(dtype, productShape(a, right));
        hasBias = inputs.length > 2;
        if (isRead) {
            multiply(a, right, out, false);
        }
        if (isRead && hasBias) {
            add(inputs[2], out);
        }
        take(a, factor, right);
        return out;
    }

    /** {@code product += bias}; bit-identical to two operations. */
    private void add(Tensor bias, Tensor product) {
        Operands.checkFloating(name(), bias);
        if (bias.rank() != 1 || bias.size(0) != product.size(-1)) {
            throw new ShapeException("[%s] a bias %s does not fit the product %s".formatted(name(), bias.shape(), product.shape()));
        }
        try (var _ = Scope.open()) {
            Tensor addend = Operands.expanded(product.shape(), Operands.as(product.dtype(), bias), name());
            product.backend().binary(Binary.ADD, product, addend, product);
        }
    }

    /** Whether a bias can be added to a product in place; false if promotion with the bias changes the dtype. */
    static boolean addsInPlace(Tensor bias, Tensor... factors) {
        DType dtype = factors[0].dtype();
        for (Tensor factor : factors) {
            dtype = Arguments.promote("linear", dtype, factor.dtype());
        }
        return Arguments.promote("linear", dtype, bias.dtype()) == dtype;
    }

    /** {@inheritDoc} A bias sums the gradient before it is rounded. */
    @Override
    protected boolean roundsGradient(IntPredicate operandRounds) {
        return !hasBias && first.unchecked().dtype() == DType.BF16 && b.dtype() == DType.BF16
                && b.backend().productType(DType.BF16) == DType.BF16;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        backward(gradient, first.value(gradients.isNeeded(1)), gradients);
    }

    @Override
    void backward(Tensor incoming, Tensor a, Gradients gradients) {
        if (hasBias) {
            gradients.add(2, incoming);
        }
        Tensor gradient = forProducts(incoming, a, gradients);
        if (gradients.isNeeded(0)) {
            addProduct(gradients, 0, a.shape(), gradient, Operands.transposed(savedRight.value()));
        }
        if (gradients.isNeeded(1)) {
            Tensor x = a;
            Tensor dy = gradient;
            if (b.rank() == 2 && a.rank() > 2) {
                // All batches share one matrix, so the product also sums over batches.
                x = Operands.reshaped(a, rowsShape(a));
                dy = Operands.reshaped(gradient, rowsShape(gradient));
            }
            if (transposed) {
                addProduct(gradients, 1, b.shape(), Operands.transposed(dy), x);
            } else {
                addProduct(gradients, 1, b.shape(), Operands.transposed(x), dy);
            }
        }
    }

    /** The gradient in the dtype of the products: a copy that exists already, or one that is made if both products would convert it. */
    private Tensor forProducts(Tensor gradient, Tensor a, Gradients gradients) {
        if (gradient.dtype() == DType.F64) {
            return gradient;
        }
        DType type = gradient.backend().productType(a.dtype());
        if (type == gradient.dtype() || type != gradient.backend().productType(b.dtype())) {
            return gradient;
        }
        Tensor rounded = type == DType.BF16 ? gradients.rounded() : null;
        if (rounded != null) {
            return rounded;
        }
        return gradients.isNeeded(0) && gradients.isNeeded(1) ? Operands.copy(type, gradient) : gradient;
    }

    private void addProduct(Gradients gradients, int input, Shape operand, Tensor left, Tensor factor) {
        Shape shape = productShape(left, factor);
        Tensor sum = shape.equals(operand) ? gradients.accumulator(input) : null;
        if (sum != null && (sum.dtype() == DType.F64) == (left.dtype() == DType.F64 || factor.dtype() == DType.F64)) {
            multiply(left, factor, sum, true);
        } else {
            Tensor product = Tensor.empty(shape.equals(operand) ? gradients.type(input) : left.dtype().arithmetic(), shape);
            multiply(left, factor, product, false);
            gradients.add(input, product);
        }
    }

    /** {@code sum += left factor}; a sum in fewer bits than F32 is rounded twice, as the sum of two results is. */
    void addProduct(Tensor left, Tensor factor, Tensor sum) {
        if (sum.dtype() == sum.dtype().arithmetic()) {
            multiply(left, factor, sum, true);
        } else {
            Tensor term = Tensor.empty(sum.dtype(), sum.shape());
            multiply(left, factor, term, false);
            sum.backend().binary(Binary.ADD, sum, term, sum);
        }
    }

    /** {@code out = left factor}; as one large product if all batches share the factor and the rows of {@code left} form one matrix in memory. */
    private void multiply(Tensor left, Tensor factor, Tensor out, boolean accumulate) {
        if ((left.dtype() == DType.F64) != (factor.dtype() == DType.F64)) {
            try (var _ = Scope.open()) {
                multiply(Operands.as(DType.F64, left), Operands.as(DType.F64, factor), out, accumulate);
            }
            return;
        }
        if (factor.rank() == 2 && left.rank() > 2) {
            Tensor rows = Operands.viewed(left, rowsShape(left));
            if (rows != null) {
                out.backend().matmul(rows, factor, Operands.viewed(out, rowsShape(out)), accumulate);
                return;
            }
        }
        Tensor allLeft = Operands.expanded(batched(out.shape(), left.size(-2), left.size(-1)), left, name());
        Tensor allFactors = Operands.expanded(batched(out.shape(), factor.size(-2), factor.size(-1)), factor, name());
        out.backend().matmul(allLeft, allFactors, out, accumulate);
    }

    private static Shape rowsShape(Tensor x) {
        long width = x.size(-1);
        long rows = 1;
        for (int axis = 0; axis < x.rank() - 1; axis++) {
            rows *= x.size(axis);
        }
        return Shape.of(rows, width);
    }

    private Shape productShape(Tensor left, Tensor factor) {
        Shape batch = Arguments.broadcast(name(), batch(left), batch(factor));
        return batched(Shape.of(Arrays.copyOf(batch.toArray(), batch.rank() + 2)), left.size(-2), factor.size(-1));
    }

    private static Shape batch(Tensor x) {
        return Shape.of(Arrays.copyOf(x.shape().toArray(), x.rank() - 2));
    }

    /** A shape with its last two extents replaced. */
    private static Shape batched(Shape shape, long rows, long columns) {
        return shape.with(-2, rows).with(-1, columns);
    }
}

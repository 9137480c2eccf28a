package kept.autograd.operation;

import java.util.Arrays;
import java.util.function.IntPredicate;
import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * {@code (silu(gate) * up) W^T} without saving the gated product: the backward pass recomputes it, which takes about 1% of the time of the matrix
 * product that uses it. Results are bit-identical to {@link SwiGluProduct} followed by {@link MatMul}. So are gradients, unless the gated product is
 * BF16 and the gradients of gate and up are too: then its own gradient is rounded as well.
 */
public final class GatedProjection extends Operation {
    private final SwiGluProduct gating = new SwiGluProduct();
    private final Product projection;
    private SavedTensor savedGate;
    private SavedTensor savedUp;

    /**
     * Creates the operation, whose operands are gate, up, and those of the projection after its first.
     *
     * @param projection what is applied to the gated product
     */
    GatedProjection(Product projection) {
        this.projection = projection;
    }

    /**
     * Computes the gated projection.
     *
     * @param gate {@code [..., intermediate]}, floating
     * @param up gate's shape
     * @param weight W, {@code [hidden, intermediate]}, floating
     * @return {@code [..., hidden]}, of the common dtype
     * @throws ShapeException if the shapes do not match
     * @throws kept.tensor.DTypeException if one is of an integer type
     */
    public static Tensor apply(Tensor gate, Tensor up, Tensor weight) {
        return Autograd.apply(new GatedProjection(new MatMul(true)), gate, up, weight);
    }

    /**
     * Computes the gated projection with a bias.
     *
     * @param gate {@code [..., intermediate]}, floating
     * @param up gate's shape
     * @param weight W, {@code [hidden, intermediate]}, floating
     * @param bias {@code [hidden]}, floating
     * @return {@code [..., hidden]}, of the common dtype
     * @throws ShapeException if the shapes do not match
     * @throws kept.tensor.DTypeException if one is of an integer type
     */
    public static Tensor apply(Tensor gate, Tensor up, Tensor weight, Tensor bias) {
        Arguments.usable("gated projection", gate, up, weight, bias);
        return MatMul.addsInPlace(bias, gate, up, weight)
                ? Autograd.apply(new GatedProjection(new MatMul(true)), gate, up, weight, bias)
                : apply(gate, up, weight).add(bias);
    }

    @Override
    protected String name() {
        return "gated projection";
    }

    private static void check(Tensor gate, Tensor up, Tensor weight) {
        for (Tensor operand : new Tensor[] {gate, up, weight}) {
            Operands.checkFloating("gated projection", operand);
        }
        if (gate.rank() < 2 || !gate.shape().equals(up.shape()) || weight.rank() != 2 || weight.size(1) != gate.size(-1)) {
            throw new ShapeException("[gated projection] needs gate and up [..., intermediate] and a weight [hidden, intermediate], not %s, %s, %s"
                    .formatted(gate.shape(), up.shape(), weight.shape()));
        }
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor gate = inputs[0];
        Tensor up = inputs[1];
        check(gate, up, inputs[2]);
        savedGate = saved("its operand gate", gate);
        savedUp = saved("its operand up", up);
        try (var scope = Scope.open()) {
            return scope.keep(projection.forward(ofProjection(gating.forward(gate, up), inputs)));
        }
    }

    /** The operands of the projection: the gated product, or a tensor of its shape and dtype, and those after gate and up. */
    private static Tensor[] ofProjection(Tensor gated, Tensor... inputs) {
        Tensor[] operands = Arrays.copyOfRange(inputs, 1, inputs.length);
        operands[0] = gated;
        return operands;
    }

    @Override
    protected Tensor outline(Tensor... inputs) {
        Tensor gate = inputs[0];
        Tensor up = inputs[1];
        check(gate, up, inputs[2]);
        if (gate.dtype() != up.dtype()) {
            return null;
        }
        savedGate = saved("its operand gate", gate);
        savedUp = saved("its operand up", up);
        // The gate has the shape and dtype of the gated product, which the backward pass computes again in any case.
        return projection.outline(ofProjection(gate, inputs));
    }

    @Override
    protected boolean roundsGradient(IntPredicate operandRounds) {
        return projection.roundsGradient(operandRounds);
    }

    @Override
    protected void backward(Tensor incoming, Gradients gradients) {
        Tensor gated = gating.forward(savedGate.value(), savedUp.value());
        var ofProjection = new OfProjection(gradients, gated, incoming.dtype().arithmetic());
        projection.backward(incoming, gated, ofProjection);
        if (ofProjection.sum != null) {
            gating.backward(ofProjection.sum, gradients);
        }
    }

    /** The gradients of the projection's operands: that of the gated product is summed here, the others go on. */
    private static final class OfProjection implements Gradients {
        private final Gradients gradients;
        private final Tensor gated;
        private final DType arithmetic;
        /** The gradient of the gated product so far; null before the first term. */
        private Tensor sum;

        OfProjection(Gradients gradients, Tensor gated, DType arithmetic) {
            this.gradients = gradients;
            this.gated = gated;
            this.arithmetic = arithmetic;
        }

        @Override
        public boolean isNeeded(int input) {
            return input == 0 ? gradients.isNeeded(0) || gradients.isNeeded(1) : gradients.isNeeded(input + 1);
        }

        @Override
        public boolean owns(Tensor gradient) {
            return gradients.owns(gradient);
        }

        @Override
        public DType type(int input) {
            if (input > 0) {
                return gradients.type(input + 1);
            }
            // Leaves may store gradients in BF16 while activations are in F32, whose gradients are not rounded on the way.
            return sum == null && gated.dtype() == DType.BF16 ? SwiGluProduct.type(gradients, arithmetic) : arithmetic;
        }

        @Override
        public void add(int input, Tensor gradient) {
            if (input > 0) {
                gradients.add(input + 1, gradient);
            } else if (sum == null) {
                sum = gradient;
            } else {
                Tensor first = Operands.copy(arithmetic, sum);
                first.backend().binary(Binary.ADD, first, Operands.as(arithmetic, gradient), first);
                sum = first;
            }
        }

        @Override
        public Tensor accumulator(int input) {
            if (input > 0) {
                return gradients.accumulator(input + 1);
            }
            return sum != null && sum.dtype() == arithmetic ? sum : null;
        }

        @Override
        public Tensor rounded() {
            return gradients.rounded();
        }
    }
}

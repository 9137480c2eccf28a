package kept.autograd;

import kept.backend.Binary;
import kept.backend.Reduction;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * {@code y = x W^T + b} over the innermost axis. With the rows of x and of the gradient as matrices, {@code dx = gradient W},
 * {@code dW = gradient^T x}, added straight into W's gradient where there is one, and db is the sum of the gradient's rows.
 */
public final class LinearTransform extends Operation {
    private final boolean hasBias;
    private Tensor input;
    private Tensor x;
    private Tensor weight;

    private LinearTransform(boolean hasBias) {
        this.hasBias = hasBias;
    }

    /**
     * Applies an affine map to each row.
     *
     * @param x {@code [..., in]}, floating
     * @param weight W, {@code [out, in]}, floating
     * @param bias b, {@code [out]}, floating; or null for none
     * @return {@code [..., out]}, of x's dtype
     * @throws ShapeException if the shapes do not fit each other
     */
    public static Tensor apply(Tensor x, Tensor weight, Tensor bias) {
        return bias == null
                ? Autograd.apply(new LinearTransform(false), x, weight)
                : Autograd.apply(new LinearTransform(true), x, weight, bias);
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        input = inputs[0];
        weight = inputs[1];
        if (input.rank() == 0 || weight.rank() != 2 || input.size(-1) != weight.size(1)) {
            throw new ShapeException("[linear] needs x [..., in] and a weight [out, in], not %s and %s".formatted(input.shape(), weight.shape()));
        }
        x = Rows.matrix(input);
        Tensor out = Tensor.empty(x.dtype(), input.shape().with(-1, weight.size(0)));
        Tensor rows = Rows.matrix(out);
        out.backend().matmul(x, Rows.transposed(weight), rows, false);
        if (hasBias) {
            Rows.checkVector("linear", "bias", inputs[2], out);
            addBias(rows, inputs[2]);
        }
        return out;
    }

    private static void addBias(Tensor rows, Tensor bias) {
        Tensor converted = bias;
        if (bias.dtype() != rows.dtype()) {
            converted = Tensor.empty(rows.dtype(), bias.shape());
            converted.backend().copy(bias, converted);
        }
        Tensor expanded = converted.alias(rows.shape(), converted.expandedStrides(rows.shape(), "linear"), converted.offset());
        rows.backend().binary(Binary.ADD, rows, expanded, rows);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor rows = Rows.matrix(gradient);
        if (gradients.wanted(0)) {
            Tensor dx = Rows.gradientFor(input);
            dx.backend().matmul(rows, weight, Rows.matrix(dx), false);
            gradients.add(0, dx);
        }
        if (gradients.wanted(1)) {
            Tensor present = gradients.accumulator(1);
            Tensor dWeight = present != null ? present : Rows.gradientFor(weight);
            dWeight.backend().matmul(Rows.transposed(rows), x, dWeight, present != null);
            if (present == null) {
                gradients.add(1, dWeight);
            }
        }
        if (hasBias && gradients.wanted(2)) {
            Tensor dBias = Tensor.empty(gradient.dtype(), Shape.of(gradient.size(-1)));
            dBias.backend().reduce(Reduction.SUM, Rows.transposed(rows), dBias);
            gradients.add(2, dBias);
        }
    }
}

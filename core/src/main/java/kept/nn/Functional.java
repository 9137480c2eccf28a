package kept.nn;

import kept.tensor.Arguments;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/** Operations that layers and losses are made of, with the names that PyTorch has in {@code torch.nn.functional}; compositions of tensors' own. */
public final class Functional {
    private Functional() {}

    /**
     * The mean cross-entropy of labels, {@code -log softmax(logits)[label]}, in f32. Of an output head and its hidden states,
     * {@link kept.autograd.LinearCrossEntropy} computes it without the memory of all logits.
     *
     * @param logits {@code [..., classes]}
     * @param labels I32 or I64, {@code [...]}; negative where there is none, and the row does not count
     * @return a scalar in nats, F32; NaN if no row counts
     * @throws ShapeException if the shapes do not fit, or a label is not below the number of classes
     * @throws DTypeException if the logits are of an integer type, or the labels are not
     */
    public static Tensor crossEntropy(Tensor logits, Tensor labels) {
        Arguments.usable("crossEntropy", logits, labels);
        if (!logits.dtype().isFloating() || labels.dtype().isFloating()) {
            throw new DTypeException("[crossEntropy] needs floating logits and labels of i32 or i64, not %s and %s"
                    .formatted(logits.dtype().label(), labels.dtype().label()));
        }
        if (logits.rank() != labels.rank() + 1 || !logits.shape().with(-1 + logits.rank(), 1).equals(labels.unsqueeze(-1).shape())) {
            throw new ShapeException("[crossEntropy] labels %s are not one for each row of logits %s".formatted(labels.shape(), logits.shape()));
        }
        Tensor counts = labels.ge(0);
        Tensor chosen = Tensor.where(counts, labels, Tensor.scalar(0, labels.dtype()));
        Tensor scores = logits.cast(DType.F32).logSoftmax(-1).gather(-1, chosen.unsqueeze(-1)).squeeze(-1);
        // Not by multiplication: a score of minus infinity that does not count is no part of the sum.
        return Tensor.where(counts, scores, Tensor.scalar(0, DType.F32)).sum().neg().div(counts.cast(DType.F32).sum());
    }

    /**
     * Sets elements to zero at random and divides the others by the share that stays, so that the expected value does not change.
     *
     * @param x floating
     * @param probability of an element to become 0, from 0 to 1
     * @param training false gives x itself
     * @param seed the generator's key
     * @param stream tells apart the draws of one seed: another number for each layer and step
     * @return a tensor of x's shape and dtype
     * @throws TensorException if the probability is not from 0 to 1
     * @throws DTypeException if x is of an integer type
     */
    public static Tensor dropout(Tensor x, double probability, boolean training, long seed, long stream) {
        Arguments.usable("dropout", x);
        if (!(probability >= 0 && probability <= 1)) {
            throw new TensorException("[dropout] a probability from 0 to 1, not " + probability);
        }
        if (!x.dtype().isFloating()) {
            throw new DTypeException("[dropout] needs a floating operand, not %s; cast it first".formatted(x.dtype().label()));
        }
        if (!training || probability == 0) {
            return x;
        }
        Tensor stays = Tensor.uniform(seed, stream, x.shape().toArray()).reshape(x.shape()).ge(probability);
        Tensor scaled = probability == 1 ? x : x.mul(1 / (1 - probability));
        return Tensor.where(stays, scaled, Tensor.scalar(0, x.dtype()));
    }

    /**
     * Convolution along one axis (in fact a cross-correlation, as everywhere):
     * {@code out[n, o, i] = bias[o] + sum_{c, k} weight[o, c, k] x[n, c, i stride + k dilation - padding]}.
     *
     * @param x {@code [batch, channels, length]}
     * @param weight {@code [outputs, channels / groups, kernel]}
     * @param bias {@code [outputs]}, or null for none
     * @param convolution stride, padding, dilation and groups
     * @return {@code [batch, outputs, (length + 2 padding - dilation (kernel - 1) - 1) / stride + 1]}, of the common dtype
     * @throws ShapeException if the operands do not fit each other, or the kernel is larger than the padded input
     * @throws DTypeException if an operand is of an integer type
     */
    public static Tensor conv1d(Tensor x, Tensor weight, Tensor bias, Convolution convolution) {
        check("conv1d", 3, x, weight, bias, convolution);
        return convolve("conv1d", x.unsqueeze(2), weight.unsqueeze(2), bias, convolution, 0).squeeze(2);
    }

    /**
     * Convolution along two axes, as {@link #conv1d} along one.
     *
     * @param x {@code [batch, channels, height, width]}
     * @param weight {@code [outputs, channels / groups, kernel height, kernel width]}
     * @param bias {@code [outputs]}, or null for none
     * @param convolution stride, padding, dilation and groups
     * @return {@code [batch, outputs, height', width']}, of the common dtype
     * @throws ShapeException if the operands do not fit each other, or the kernel is larger than the padded input
     * @throws DTypeException if an operand is of an integer type
     */
    public static Tensor conv2d(Tensor x, Tensor weight, Tensor bias, Convolution convolution) {
        check("conv2d", 4, x, weight, bias, convolution);
        return convolve("conv2d", x, weight, bias, convolution, convolution.padding());
    }

    private static void check(String operation, int rank, Tensor x, Tensor weight, Tensor bias, Convolution convolution) {
        Arguments.present(operation, "the convolution", convolution);
        if (bias == null) {
            Arguments.usable(operation, x, weight);
        } else {
            Arguments.usable(operation, x, weight, bias);
        }
        int groups = convolution.groups();
        boolean fits = x.rank() == rank && weight.rank() == rank && x.size(1) == weight.size(1) * groups && weight.size(0) % groups == 0
                && weight.elementCount() > 0 && (bias == null || bias.shape().equals(Shape.of(weight.size(0))));
        if (!fits) {
            throw new ShapeException("[%s] weight %s%s in %d groups does not fit %s".formatted(operation, weight.shape(),
                    bias == null ? "" : " and bias " + bias.shape(), groups, x.shape()));
        }
        if (!x.dtype().isFloating() || !weight.dtype().isFloating() || bias != null && !bias.dtype().isFloating()) {
            throw new DTypeException("[%s] needs floating operands; cast them first".formatted(operation));
        }
    }

    /** One product of matrices: what each place sees of the input is unfolded into a column. */
    private static Tensor convolve(String operation, Tensor x, Tensor weight, Tensor bias, Convolution convolution, long rowPadding) {
        long columnPadding = convolution.padding();
        Tensor padded = rowPadding + columnPadding == 0 ? x : x.pad(0, columnPadding, columnPadding, rowPadding, rowPadding);
        long height = places(operation, padded.size(2), weight.size(2), convolution);
        long width = places(operation, padded.size(3), weight.size(3), convolution);
        Tensor[] seen = new Tensor[Math.toIntExact(weight.size(2) * weight.size(3))];
        for (int i = 0; i < seen.length; i++) {
            long row = i / weight.size(3) * convolution.dilation();
            long column = i % weight.size(3) * convolution.dilation();
            seen[i] = padded.slice(2, row, row + (height - 1) * convolution.stride() + 1, convolution.stride())
                    .slice(3, column, column + (width - 1) * convolution.stride() + 1, convolution.stride());
        }
        long groups = convolution.groups();
        long inputs = weight.elementCount() / weight.size(0);
        Tensor columns = Tensor.stack(2, seen).reshape(x.size(0), groups, inputs, height * width);
        Tensor out = weight.reshape(groups, weight.size(0) / groups, inputs).matmul(columns).reshape(x.size(0), weight.size(0), height, width);
        return bias == null ? out : out.add(bias.reshape(bias.size(0), 1, 1));
    }

    private static long places(String operation, long extent, long kernel, Convolution convolution) {
        long reach = convolution.dilation() * (kernel - 1) + 1;
        if (reach > extent) {
            throw new ShapeException("[%s] a kernel over %d elements on an axis of %d, padding included".formatted(operation, reach, extent));
        }
        return (extent - reach) / convolution.stride() + 1;
    }
}

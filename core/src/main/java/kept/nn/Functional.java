package kept.nn;

import kept.autograd.DistillationLoss;
import kept.autograd.DistillationScores;
import kept.autograd.FactoredLogits;
import kept.autograd.NormalizedSum;
import kept.autograd.operation.CausalAttention;
import kept.autograd.operation.FullAttention;
import kept.autograd.operation.GatedProjection;
import kept.autograd.operation.LayerNormalization;
import kept.autograd.operation.LinearCrossEntropy;
import kept.autograd.operation.LinearDistillation;
import kept.autograd.operation.RmsNormalization;
import kept.autograd.operation.RotaryPositions;
import kept.autograd.operation.SwiGluProduct;
import kept.backend.DistillationObjective;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * What layers and losses are made of, beyond the operations that a {@link Tensor} has itself, with the names that PyTorch has in
 * {@code torch.nn.functional}. Each is here or on {@link Tensor}, not in both: softmax, log-softmax, SiLU, GELU, linear and embedding are there.
 */
public final class Functional {
    private Functional() {}

    // Norms, gates, positions, attention

    /**
     * {@code y = weight * (x - average(x)) / sqrt(variance(x) + epsilon) + bias} over the innermost axis.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if weight or bias do not fit x
     */
    public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon) {
        return LayerNormalization.apply(x, weight, bias, epsilon);
    }

    /**
     * As {@link #layerNorm(Tensor, Tensor, Tensor, double)}, with the result rounded once to the type wanted.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws ShapeException if weight or bias do not fit x
     * @throws DTypeException if x is not rounded to that type
     */
    public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon, DType out) {
        return LayerNormalization.apply(x, weight, bias, epsilon, out);
    }

    /**
     * Adds a branch to a residual stream and normalises the sum: the values and gradients of {@code x.add(branch)} and of {@link #layerNorm}, bit for
     * bit, with less of memory read on a device that computes both at once ({@link kept.backend.Backend#addLayerNorm}).
     *
     * @param x the stream, {@code [..., width]}, floating
     * @param branch what is added to it, of x's shape, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum and its norm
     * @throws ShapeException if the branch does not fit x, or weight or bias the sum
     * @throws DTypeException if the sum is not rounded to that type
     */
    public static NormalizedSum addLayerNorm(Tensor x, Tensor branch, Tensor weight, Tensor bias, double epsilon, DType out) {
        return LayerNormalization.ofSum(x, branch, weight, bias, epsilon, out);
    }

    /**
     * {@code y = weight * x / sqrt(average(x^2) + epsilon)} over the innermost axis.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if the weight does not fit x
     */
    public static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
        return RmsNormalization.apply(x, weight, epsilon);
    }

    /**
     * As {@link #rmsNorm(Tensor, Tensor, double)}, with the result rounded once to the type wanted.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws ShapeException if the weight does not fit x
     * @throws DTypeException if x is not rounded to that type
     */
    public static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon, DType out) {
        return RmsNormalization.apply(x, weight, epsilon, out);
    }

    /**
     * Adds a branch to a residual stream and normalises the sum: the values and gradients of {@code x.add(branch)} and of {@link #rmsNorm}, bit for
     * bit, with less of memory read on a device that computes both at once ({@link kept.backend.Backend#addRmsNorm}).
     *
     * @param x the stream, {@code [..., width]}, floating
     * @param branch what is added to it, of x's shape, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum and its norm
     * @throws ShapeException if the branch does not fit x, or the weight the sum
     * @throws DTypeException if the sum is not rounded to that type
     */
    public static NormalizedSum addRmsNorm(Tensor x, Tensor branch, Tensor weight, double epsilon, DType out) {
        return RmsNormalization.ofSum(x, branch, weight, epsilon, out);
    }

    /**
     * The gated product of a feed-forward layer, {@code gate * sigmoid(gate) * up} (Shazeer 2020, arXiv 2002.05202).
     *
     * @param gate any shape, floating
     * @param up gate's shape, floating
     * @return a tensor of that shape and of the common dtype
     * @throws ShapeException if the shapes differ
     * @throws DTypeException if one is of an integer type
     */
    public static Tensor swiGlu(Tensor gate, Tensor up) {
        return SwiGluProduct.apply(gate, up);
    }

    /**
     * {@code swiGlu(gate, up).linear(weight)}, bit for bit, without keeping the product for the backward pass, which computes it again.
     *
     * @param gate {@code [..., intermediate]}, floating
     * @param up gate's shape
     * @param weight W, {@code [hidden, intermediate]}, floating
     * @return {@code [..., hidden]}, of the common dtype
     * @throws ShapeException if the shapes do not fit each other
     * @throws DTypeException if one is of an integer type
     */
    public static Tensor swiGluLinear(Tensor gate, Tensor up, Tensor weight) {
        return GatedProjection.apply(gate, up, weight);
    }

    /**
     * As {@link #swiGluLinear(Tensor, Tensor, Tensor)}, with a bias.
     *
     * @param gate {@code [..., intermediate]}, floating
     * @param up gate's shape
     * @param weight W, {@code [hidden, intermediate]}, floating
     * @param bias {@code [hidden]}, floating
     * @return {@code [..., hidden]}, of the common dtype
     * @throws ShapeException if the shapes do not fit each other
     * @throws DTypeException if one is of an integer type
     */
    public static Tensor swiGluLinear(Tensor gate, Tensor up, Tensor weight, Tensor bias) {
        return GatedProjection.apply(gate, up, weight, bias);
    }

    /**
     * Turns the pairs of features i and {@code i + D / 2} of queries or keys by the angles of their positions ({@link RotaryEmbedding}).
     *
     * @param x {@code [batch, sequence, heads, D]}, floating, D even
     * @param cos {@code [sequence, D / 2]}, F32, not differentiated
     * @param sin {@code [sequence, D / 2]}, F32, not differentiated
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if the angles do not fit x
     * @throws DTypeException if x is of an integer type or the angles are not F32
     */
    public static Tensor rotaryEmbedding(Tensor x, Tensor cos, Tensor sin) {
        return RotaryPositions.apply(x, cos, sin);
    }

    /**
     * Attention, {@code softmax(scale q k^T) v} in each head. Axes are in the order in which linear maps give them, heads next to the innermost, not
     * in PyTorch's; several query heads may share one head of keys and values.
     *
     * @param q {@code [batch, queries, heads, D]}, floating
     * @param k {@code [batch, keys, groups, D]}, of q's dtype, with a number of groups that divides the heads
     * @param v k's shape and dtype
     * @param causal whether a query reads only keys up to its own position, the last query's being that of the last key: then there must be at least
     *     as many keys as queries, and no scores are kept; false lets each query read all keys
     * @param scale what scores are multiplied by, usually {@code 1 / sqrt(D)}
     * @return a contiguous tensor of q's shape and dtype
     * @throws ShapeException if the shapes do not fit each other
     * @throws DTypeException if the operands are integers or of different dtypes
     * @throws TensorException if the scale is not finite
     */
    public static Tensor scaledDotProductAttention(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
        return causal ? CausalAttention.apply(q, k, v, scale) : FullAttention.apply(q, k, v, scale);
    }

    // Losses

    /**
     * The mean cross-entropy of labels, {@code -log softmax(logits)[label]}, in f32. Of an output head and its hidden states,
     * {@link #crossEntropy(FactoredLogits, Tensor)} computes it without the memory of all logits.
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
     * The mean cross-entropy of labels with the output head fused in: logits exist for one chunk of rows at a time, of the
     * {@linkplain FactoredLogits#defaultChunkRows default size}.
     *
     * @param logits what is scored; gradients flow to both factors
     * @param labels the true next tokens, one for each row, I32 or I64; negative where there is none, and the row does not count
     * @return a scalar in nats, F32
     * @throws ShapeException if labels and rows differ in number, or no row counts
     */
    public static Tensor crossEntropy(FactoredLogits logits, Tensor labels) {
        return LinearCrossEntropy.apply(logits, labels);
    }

    /**
     * As {@link #crossEntropy(FactoredLogits, Tensor)}, in chunks of a given size.
     *
     * @param logits what is scored; gradients flow to both factors
     * @param labels the true next tokens, one for each row, I32 or I64; negative where there is none, and the row does not count
     * @param chunkRows how many rows of logits exist at a time, at least 1
     * @return a scalar in nats, F32
     * @throws ShapeException if labels and rows differ in number, or no row counts
     */
    public static Tensor crossEntropy(FactoredLogits logits, Tensor labels, long chunkRows) {
        return LinearCrossEntropy.apply(logits, labels, chunkRows);
    }

    /**
     * The cross-entropy of each row, in chunks; not recorded.
     *
     * @param logits what is scored
     * @param labels the true next tokens, one for each row, I32 or I64, negative where there is none
     * @return {@code [rows]} in nats, F32; 0 where the label is negative
     * @throws ShapeException if labels and rows differ in number
     */
    public static Tensor crossEntropyRows(FactoredLogits logits, Tensor labels) {
        return LinearCrossEntropy.evaluate(logits, labels);
    }

    /**
     * The Kullback-Leibler divergence of rows of log-probabilities from target probabilities, {@code sum target (log(target) - input)}, divided by
     * the outermost extent: PyTorch's {@code kl_div} with {@code reduction='batchmean'}. A target of 0 counts nothing.
     *
     * @param input {@code [batch, ...]}, log-probabilities, as {@link Tensor#logSoftmax} gives them
     * @param target input's shape, probabilities
     * @return a scalar in nats, of the common dtype
     * @throws ShapeException if the shapes differ or have no axis
     * @throws DTypeException if one is of an integer type
     */
    public static Tensor klDivergence(Tensor input, Tensor target) {
        Arguments.usable("klDivergence", input, target);
        if (input.rank() == 0 || !input.shape().equals(target.shape())) {
            throw new ShapeException("[klDivergence] needs log-probabilities and probabilities [batch, ...] of one shape, not %s and %s"
                    .formatted(input.shape(), target.shape()));
        }
        if (!input.dtype().isFloating() || !target.dtype().isFloating()) {
            throw new DTypeException("[klDivergence] needs floating operands, not %s and %s"
                    .formatted(input.dtype().label(), target.dtype().label()));
        }
        Tensor counts = target.gt(0);
        // The logarithm of what does not count is not taken, so that its gradient is 0 and not NaN.
        Tensor logarithms = Tensor.where(counts, target, Tensor.scalar(1, target.dtype())).log();
        Tensor terms = target.mul(logarithms.sub(input));
        return Tensor.where(counts, terms, Tensor.scalar(0, terms.dtype())).sum().div(input.size(0));
    }

    /**
     * The distillation loss of a student against a teacher, averaged over rows, with both output heads fused in: logits exist for one chunk of
     * rows at a time, of the {@linkplain FactoredLogits#defaultChunkRows default size}. Its gradients are made in the forward pass.
     *
     * @param student the student's logits; gradients flow to both factors
     * @param teacher the teacher's logits, of as many rows and the same vocabulary; not differentiated
     * @param labels the true next tokens, one for each row, I32 or I64, negative where there is none; may be null if the objective has no
     * cross-entropy
     * @param objective the formula of a row's loss
     * @return the loss and the divergence
     * @throws ShapeException if the operands do not fit each other, or labels are missing
     */
    public static DistillationLoss distillationLoss(
            FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective) {
        return LinearDistillation.apply(student, teacher, labels, objective);
    }

    /**
     * As {@link #distillationLoss(FactoredLogits, FactoredLogits, Tensor, DistillationObjective)}, in chunks of a given size.
     *
     * @param student the student's logits; gradients flow to both factors
     * @param teacher the teacher's logits, of as many rows and the same vocabulary; not differentiated
     * @param labels the true next tokens, one for each row, I32 or I64, negative where there is none; may be null if the objective has no
     * cross-entropy
     * @param objective the formula of a row's loss
     * @param chunkRows how many rows of logits exist at a time, at least 1
     * @return the loss and the divergence
     * @throws ShapeException if the operands do not fit each other, or labels are missing
     */
    public static DistillationLoss distillationLoss(
            FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective, long chunkRows) {
        return LinearDistillation.apply(student, teacher, labels, objective, chunkRows);
    }

    /**
     * Compares a student with a teacher row by row, in chunks; not recorded.
     *
     * @param student the student's logits
     * @param teacher the teacher's logits, of as many rows and the same vocabulary
     * @param labels the true next tokens, one for each row, I32 or I64, negative where there is none
     * @return the scores of all rows
     * @throws ShapeException if the operands do not fit each other
     */
    public static DistillationScores distillationScores(FactoredLogits student, FactoredLogits teacher, Tensor labels) {
        return LinearDistillation.evaluate(student, teacher, labels);
    }

    // Dropout and convolutions

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
        Unfolding.check("conv1d", 3, x, weight, bias, convolution);
        return Unfolding.convolve("conv1d", x.unsqueeze(2), weight.unsqueeze(2), bias, convolution, 0).squeeze(2);
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
        Unfolding.check("conv2d", 4, x, weight, bias, convolution);
        return Unfolding.convolve("conv2d", x, weight, bias, convolution, convolution.padding());
    }
}

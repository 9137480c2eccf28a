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
import kept.autograd.operation.LinearSparseDistillation;
import kept.autograd.operation.RmsNormalization;
import kept.autograd.operation.RotaryPositions;
import kept.autograd.operation.SwiGluProduct;
import kept.backend.DistillationObjective;
import kept.backend.SparseDistribution;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Operations that layers and losses use, with the names of {@code torch.nn.functional}. Each operation is either here or on {@link Tensor}: softmax,
 * log-softmax, SiLU, GELU, linear and embedding are methods of {@link Tensor}.
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
     * @throws ShapeException if weight or bias do not match the innermost axis of x
     */
    public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon) {
        return LayerNormalization.apply(x, weight, bias, epsilon);
    }

    /**
     * As {@link #layerNorm(Tensor, Tensor, Tensor, double)}, with the result rounded once to a given dtype.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws ShapeException if weight or bias do not match the innermost axis of x
     * @throws DTypeException if x cannot be rounded to that dtype
     */
    public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon, DType out) {
        return LayerNormalization.apply(x, weight, bias, epsilon, out);
    }

    /**
     * Adds a branch to a residual stream and normalises the sum. Values and gradients are bit-identical to {@code x.add(branch)} and {@link
     * #layerNorm}; a device with a fused kernel ({@link kept.backend.Backend#addLayerNorm}) reads less memory.
     *
     * @param x the residual stream, {@code [..., width]}, floating
     * @param branch the branch's output, with x's shape, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum and the normalised sum
     * @throws ShapeException if the branch does not have x's shape, or weight or bias do not match the innermost axis
     * @throws DTypeException if the sum cannot be rounded to that dtype
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
     * @throws ShapeException if the weight does not match the innermost axis of x
     */
    public static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
        return RmsNormalization.apply(x, weight, epsilon);
    }

    /**
     * As {@link #rmsNorm(Tensor, Tensor, double)}, with the result rounded once to a given dtype.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws ShapeException if the weight does not match the innermost axis of x
     * @throws DTypeException if x cannot be rounded to that dtype
     */
    public static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon, DType out) {
        return RmsNormalization.apply(x, weight, epsilon, out);
    }

    /**
     * Adds a branch to a residual stream and normalises the sum. Values and gradients are bit-identical to {@code x.add(branch)} and {@link
     * #rmsNorm}; a device with a fused kernel ({@link kept.backend.Backend#addRmsNorm}) reads less memory.
     *
     * @param x the residual stream, {@code [..., width]}, floating
     * @param branch the branch's output, with x's shape, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum and the normalised sum
     * @throws ShapeException if the branch does not have x's shape, or the weight does not match the innermost axis
     * @throws DTypeException if the sum cannot be rounded to that dtype
     */
    public static NormalizedSum addRmsNorm(Tensor x, Tensor branch, Tensor weight, double epsilon, DType out) {
        return RmsNormalization.ofSum(x, branch, weight, epsilon, out);
    }

    /**
     * The gated product of a feed-forward layer, {@code gate * sigmoid(gate) * up} (Shazeer 2020, arXiv 2002.05202).
     *
     * @param gate any shape, floating
     * @param up gate's shape, floating
     * @return a tensor of that shape and the common dtype
     * @throws ShapeException if the shapes differ
     * @throws DTypeException if one is of an integer type
     */
    public static Tensor swiGlu(Tensor gate, Tensor up) {
        return SwiGluProduct.apply(gate, up);
    }

    /**
     * Computes {@code swiGlu(gate, up).linear(weight)}, bit-identically. The gated product is not saved; the backward pass recomputes it.
     *
     * @param gate {@code [..., intermediate]}, floating
     * @param up gate's shape
     * @param weight W, {@code [hidden, intermediate]}, floating
     * @return {@code [..., hidden]}, of the common dtype
     * @throws ShapeException if the shapes do not match
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
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if one is of an integer type
     */
    public static Tensor swiGluLinear(Tensor gate, Tensor up, Tensor weight, Tensor bias) {
        return GatedProjection.apply(gate, up, weight, bias);
    }

    /**
     * Rotates the feature pairs i and {@code i + D / 2} of queries or keys by the angles of their positions ({@link RotaryEmbedding}).
     *
     * @param x {@code [batch, sequence, heads, D]}, floating, D even
     * @param cos {@code [sequence, D / 2]}, F32, not differentiated
     * @param sin {@code [sequence, D / 2]}, F32, not differentiated
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if the shape of the angles does not match x
     * @throws DTypeException if x is of an integer type or the angles are not F32
     */
    public static Tensor rotaryEmbedding(Tensor x, Tensor cos, Tensor sin) {
        return RotaryPositions.apply(x, cos, sin);
    }

    /**
     * Attention, {@code softmax(scale q k^T) v} for each head. Unlike in PyTorch, the head axis comes after the sequence axis, as in the output of a
     * linear layer. Several query heads may share one key and value head.
     *
     * @param q {@code [batch, queries, heads, D]}, floating
     * @param k {@code [batch, keys, groups, D]}, of q's dtype, where groups divides heads
     * @param v same shape and dtype as k
     * @param causal true if a query attends only to keys up to its own position, where the last query is at the position of the last key; this needs
     *     at least as many keys as queries, and scores are not saved. False if each query attends to all keys
     * @param scale the factor applied to scores, usually {@code 1 / sqrt(D)}
     * @return a contiguous tensor of q's shape and dtype
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if the operands are integers or of different dtypes
     * @throws TensorException if the scale is not finite
     */
    public static Tensor scaledDotProductAttention(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
        return causal ? CausalAttention.apply(q, k, v, scale) : FullAttention.apply(q, k, v, scale);
    }

    // Losses

    /**
     * The mean cross-entropy of labels, {@code -log softmax(logits)[label]}, in f32. For an output head, {@link #crossEntropy(FactoredLogits,
     * Tensor)} computes it from the hidden states without storing all logits.
     *
     * @param logits {@code [..., classes]}
     * @param labels I32 or I64, {@code [...]}; rows with a negative label are ignored
     * @return a scalar in nats, F32, of F64 logits F64; NaN if no row has a label
     * @throws ShapeException if the shapes do not match, or a label is not below the number of classes
     * @throws DTypeException if the logits are of an integer type, or the labels are not
     */
    public static Tensor crossEntropy(Tensor logits, Tensor labels) {
        Arguments.usable("crossEntropy", logits, labels);
        if (!logits.dtype().isFloating() || !labels.dtype().isIndex()) {
            throw new DTypeException("[crossEntropy] needs floating logits and labels of i32 or i64, not %s and %s"
                    .formatted(logits.dtype().label(), labels.dtype().label()));
        }
        if (logits.rank() != labels.rank() + 1 || !logits.shape().with(-1 + logits.rank(), 1).equals(labels.unsqueeze(-1).shape())) {
            throw new ShapeException("[crossEntropy] labels %s do not match the rows of logits %s".formatted(labels.shape(), logits.shape()));
        }
        Tensor counts = labels.ge(0);
        Tensor chosen = Tensor.where(counts, labels, Tensor.scalar(0, labels.dtype()));
        Tensor scores = logits.cast(logits.dtype().arithmetic()).logSoftmax(-1).gather(-1, chosen.unsqueeze(-1)).squeeze(-1);
        // A selection and not a product: an ignored score of minus infinity would make the sum NaN.
        return Tensor.where(counts, scores, Tensor.scalar(0, scores.dtype())).sum().neg().div(counts.cast(scores.dtype()).sum());
    }

    /**
     * The mean cross-entropy of labels, fused with the output head: logits are computed for one chunk of rows at a time, of the {@linkplain
     * FactoredLogits#defaultChunkRows default size}.
     *
     * @param logits hidden states and head; both receive gradients
     * @param labels the target tokens, one per row, I32 or I64; rows with a negative label are ignored
     * @return a scalar in nats, F32
     * @throws ShapeException if labels and rows differ in number, or no row has a label
     */
    public static Tensor crossEntropy(FactoredLogits logits, Tensor labels) {
        return LinearCrossEntropy.apply(logits, labels);
    }

    /**
     * As {@link #crossEntropy(FactoredLogits, Tensor)}, in chunks of a given size.
     *
     * @param logits hidden states and head; both receive gradients
     * @param labels the target tokens, one per row, I32 or I64; rows with a negative label are ignored
     * @param chunkRows the rows of logits computed at a time, at least 1
     * @return a scalar in nats, F32
     * @throws ShapeException if labels and rows differ in number, or no row has a label
     */
    public static Tensor crossEntropy(FactoredLogits logits, Tensor labels, long chunkRows) {
        return LinearCrossEntropy.apply(logits, labels, chunkRows);
    }

    /**
     * The cross-entropy of each row, in chunks. Not recorded by autograd.
     *
     * @param logits hidden states and head
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target
     * @return {@code [rows]} in nats, F32; 0 where the label is negative
     * @throws ShapeException if labels and rows differ in number
     */
    public static Tensor crossEntropyRows(FactoredLogits logits, Tensor labels) {
        return LinearCrossEntropy.evaluate(logits, labels);
    }

    /**
     * The Kullback-Leibler divergence of log-probabilities from target probabilities, {@code sum target (log(target) - input)}, divided by the batch
     * size: PyTorch's {@code kl_div} with {@code reduction='batchmean'}, computed in f32 or f64. A target of 0 contributes 0; a negative one or NaN
     * gives NaN.
     *
     * @param input {@code [batch, ...]}, log-probabilities, such as those of {@link Tensor#logSoftmax}
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
        DType common = Arguments.promote("klDivergence", input.dtype(), target.dtype());
        Tensor wide = target.cast(common.arithmetic());
        Tensor counts = wide.ne(0);
        // Takes no logarithm of zero targets, so that their gradient is 0 and not NaN.
        Tensor logarithms = Tensor.where(counts, wide, Tensor.scalar(1, wide.dtype())).log();
        Tensor terms = wide.mul(logarithms.sub(input.cast(wide.dtype())));
        return Tensor.where(counts, terms, Tensor.scalar(0, terms.dtype())).sum().div(input.size(0)).cast(common);
    }

    /**
     * The distillation loss of a student against a teacher, averaged over rows and fused with both output heads: logits are computed for one chunk of
     * rows at a time, of the {@linkplain FactoredLogits#defaultChunkRows default size}. The forward pass also computes the gradients.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's hidden states and head, with as many rows and the same vocabulary; not differentiated
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, or labels are missing
     */
    public static DistillationLoss distillationLoss(
            FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective) {
        return LinearDistillation.apply(student, teacher, labels, objective);
    }

    /**
     * As {@link #distillationLoss(FactoredLogits, FactoredLogits, Tensor, DistillationObjective)}, in chunks of a given size.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's hidden states and head, with as many rows and the same vocabulary; not differentiated
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row
     * @param chunkRows the rows of logits computed at a time, at least 1
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, or labels are missing
     */
    public static DistillationLoss distillationLoss(
            FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective, long chunkRows) {
        return LinearDistillation.apply(student, teacher, labels, objective, chunkRows);
    }

    /**
     * The distillation loss of a student against a part of a teacher's distributions, such as the most likely tokens and the probability of the rest,
     * averaged over rows and fused with the output head: logits are computed for one chunk of rows at a time. The forward pass also computes the
     * gradients.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's distributions, one for each row
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row, with the forward divergence
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, labels are missing, or a token lies beyond the vocabulary
     * @throws kept.tensor.TensorException if the objective has another divergence
     */
    public static DistillationLoss sparseDistillationLoss(
            FactoredLogits student, SparseDistribution teacher, Tensor labels, DistillationObjective objective) {
        return LinearSparseDistillation.apply(student, teacher, labels, objective);
    }

    /**
     * As {@link #sparseDistillationLoss(FactoredLogits, SparseDistribution, Tensor, DistillationObjective)}, in chunks of a given size.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's distributions, one for each row
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row, with the forward divergence
     * @param chunkRows the rows of logits computed at a time, at least 1
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, labels are missing, or a token lies beyond the vocabulary
     * @throws kept.tensor.TensorException if the objective has another divergence
     */
    public static DistillationLoss sparseDistillationLoss(
            FactoredLogits student, SparseDistribution teacher, Tensor labels, DistillationObjective objective, long chunkRows) {
        return LinearSparseDistillation.apply(student, teacher, labels, objective, chunkRows);
    }

    /**
     * Compares a student with a teacher row by row, in chunks. Not recorded by autograd.
     *
     * @param student the student's logits
     * @param teacher the teacher's hidden states and head, with as many rows and the same vocabulary
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target
     * @return the scores of all rows
     * @throws ShapeException if the shapes do not match
     */
    public static DistillationScores distillationScores(FactoredLogits student, FactoredLogits teacher, Tensor labels) {
        return LinearDistillation.evaluate(student, teacher, labels);
    }

    // Dropout and convolutions

    /**
     * Sets elements to zero at random and divides the others by {@code 1 - probability}, so that the expected value stays the same.
     *
     * @param x floating
     * @param probability the probability that an element becomes 0, from 0 to 1
     * @param training false to return x itself
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each layer and step
     * @return a tensor of x's shape and dtype
     * @throws TensorException if the probability is not from 0 to 1
     * @throws DTypeException if x is of an integer type
     */
    public static Tensor dropout(Tensor x, double probability, boolean training, long seed, long stream) {
        Arguments.usable("dropout", x);
        if (!(probability >= 0 && probability <= 1)) {
            throw new TensorException("[dropout] the probability must be from 0 to 1, not " + probability);
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
     * Convolution along one axis (a cross-correlation, as in other frameworks): {@code out[n, o, i] = bias[o] + sum_{c, k} weight[o, c, k] x[n, c, i
     * stride + k dilation - padding]}.
     *
     * @param x {@code [batch, channels, length]}
     * @param weight {@code [outputs, channels / groups, kernel]}
     * @param bias {@code [outputs]}, or null for none
     * @param convolution stride, padding, dilation and groups
     * @return {@code [batch, outputs, (length + 2 padding - dilation (kernel - 1) - 1) / stride + 1]}, of the common dtype
     * @throws ShapeException if the shapes do not match, or the kernel is larger than the padded input
     * @throws DTypeException if an operand is of an integer type
     */
    public static Tensor conv1d(Tensor x, Tensor weight, Tensor bias, Convolution convolution) {
        Unfolding.check("conv1d", 3, x, weight, bias, convolution);
        return Unfolding.convolve("conv1d", x.unsqueeze(2), weight.unsqueeze(2), bias, convolution, 0).squeeze(2);
    }

    /**
     * Convolution along two axes; see {@link #conv1d}.
     *
     * @param x {@code [batch, channels, height, width]}
     * @param weight {@code [outputs, channels / groups, kernel height, kernel width]}
     * @param bias {@code [outputs]}, or null for none
     * @param convolution stride, padding, dilation and groups
     * @return {@code [batch, outputs, height', width']}, of the common dtype
     * @throws ShapeException if the shapes do not match, or the kernel is larger than the padded input
     * @throws DTypeException if an operand is of an integer type
     */
    public static Tensor conv2d(Tensor x, Tensor weight, Tensor bias, Convolution convolution) {
        Unfolding.check("conv2d", 4, x, weight, bias, convolution);
        return Unfolding.convolve("conv2d", x, weight, bias, convolution, convolution.padding());
    }
}

package kept.backend;

import java.util.List;
import kept.backend.composition.AdamWComposition;
import kept.backend.composition.AttentionComposition;
import kept.backend.composition.ClampComposition;
import kept.backend.composition.EmbeddingComposition;
import kept.backend.composition.HostLeastSquares;
import kept.backend.composition.LossComposition;
import kept.backend.composition.NormComposition;
import kept.backend.composition.ProductComposition;
import kept.backend.composition.RotaryComposition;
import kept.backend.composition.SoftmaxComposition;
import kept.backend.composition.SparseLossComposition;
import kept.backend.composition.SumComposition;
import kept.backend.composition.SwiGluComposition;
import kept.tensor.Tensor;

/**
 * Kernels that do the work of several primitive kernels in one pass. Each has a default, a composition of the primitives of {@link Backend}, which a
 * new device runs until it has a kernel of its own. The rules of {@link Backend} hold.
 */
public interface FusedKernels {
    // Products

    /**
     * Products of the same rows with several transposed matrices, {@code outs[i] = x weights[i]^T}, as of the projections after a norm; the bits are
     * those of {@link Backend#matmul} of each.
     *
     * @param x {@code [n, k]}, any floating dtype but F64
     * @param weights for each product {@code [width, k]}, any floating dtype but F64
     * @param outs for each product {@code [n, width]}, any floating dtype but F64, unit stride along the width
     */
    default void linearOfEach(Tensor x, List<Tensor> weights, List<Tensor> outs) {
        ProductComposition.linearOfEach(x, weights, outs);
    }

    /**
     * Products of the same rows with several transposed matrices in blocks, {@code outs[i] = x weights[i]^T}. The default widens some rows of a
     * matrix at a time to F32, without loss, and multiplies by them.
     *
     * @param x {@code [n, k]}, any floating dtype but F64
     * @param weights for each product {@code [width, k]}
     * @param outs for each product {@code [n, width]}, any floating dtype but F64, unit stride along the width
     */
    default void blockLinearOfEach(Tensor x, List<BlockMatrix> weights, List<Tensor> outs) {
        ProductComposition.blockLinearOfEach(x, weights, outs);
    }

    // Sums and rows

    /**
     * {@code out = a + b} with b of another type, such as the sum of a residual stream and a branch. The default converts b first, with the same
     * bits.
     *
     * @param a F32, expanded to out's shape
     * @param b any floating dtype, expanded to out's shape
     * @param out F32; may be a
     */
    default void mixedAdd(Tensor a, Tensor b, Tensor out) {
        SumComposition.mixedAdd(a, b, out);
    }

    /**
     * {@code out = min(max(x, low), high)}; NaN stays NaN.
     *
     * @param x any dtype, expanded to out's shape
     * @param low the smallest result, rounded to x's dtype; minus infinity for none
     * @param high the largest result, rounded to x's dtype; infinity for none
     * @param out x's dtype; may be x
     */
    default void clamp(Tensor x, double low, double high, Tensor out) {
        ClampComposition.clamp(x, low, high, out);
    }

    /**
     * {@code out = e^(x - m) / sum e^(x - m)} along the innermost axis, m the row's maximum; or its logarithm.
     *
     * @param logarithm whether to give {@code (x - m) - log sum e^(x - m)} instead
     * @param x rows {@code [..., n]}
     * @param out rows of x's shape and dtype; may be x
     */
    default void softmax(boolean logarithm, Tensor x, Tensor out) {
        SoftmaxComposition.softmax(logarithm, x, out);
    }

    /**
     * The gradient of {@link #softmax}: {@code dx = y (gradient - sum gradient y)}; of its logarithm, {@code dx = gradient - e^y sum gradient}.
     *
     * @param logarithm whether y is the logarithm
     * @param gradient rows {@code [..., n]}, F32
     * @param y the forward's result, rows
     * @param dx rows of y's shape, F32; may be the gradient
     */
    default void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        SoftmaxComposition.gradient(logarithm, gradient, y, dx);
    }

    /**
     * {@code out = m + log sum e^(x - m)} along the innermost axis, m the row's maximum.
     *
     * @param x rows {@code [..., n]}
     * @param out rows {@code [...]}, F32
     */
    default void logSumExp(Tensor x, Tensor out) {
        SoftmaxComposition.logSumExp(x, out);
    }

    /**
     * {@code out[index[i], :] += gradient[i, :]}, in ascending order of i.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param index rows {@code [n]}, I32 or I64
     * @param out accumulates; rows {@code [vocabulary, width]}, F32
     */
    default void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        EmbeddingComposition.gradient(gradient, index, out);
    }

    // Norms

    /**
     * {@code out = weight * (x - mean) * rstd + bias} with {@code rstd = 1 / sqrt(var + epsilon)}, var the biased variance (Ba et al. 2016, arXiv
     * 1607.06450).
     *
     * @param x rows {@code [n, width]}
     * @param parameters weight and bias, rows, and epsilon
     * @param out rows {@code [n, width]}, x's dtype, and then may be x; or BF16 where x is F32
     * @param mean rows {@code [n]}, F32, for the gradient
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    default void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        NormComposition.layerNorm(x, parameters, out, mean, rstd);
    }

    /**
     * The gradient of {@link #layerNorm}: with {@code n = (x - mean) rstd} and {@code m = gradient * weight},
     * {@code dx = rstd (m - average(m) - n average(m n))}, {@code dWeight += sum gradient n}, {@code dBias += sum gradient}.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param x the forward's input
     * @param weight the forward's weight
     * @param mean what the forward saved
     * @param rstd what the forward saved
     * @param dx rows {@code [n, width]}, F32; may be the gradient; null if not needed
     * @param dWeight accumulates; rows {@code [width]}, F32; null if not needed
     * @param dBias accumulates; rows {@code [width]}, F32; null if not needed
     */
    default void layerNormGradient(
            Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        NormComposition.layerNormGradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);
    }

    /**
     * {@code out = weight * x * rstd} with {@code rstd = 1 / sqrt(average(x^2) + epsilon)} (Zhang and Sennrich 2019, arXiv 1910.07467).
     *
     * @param x rows {@code [n, width]}
     * @param weight rows {@code [width]}, any floating dtype
     * @param epsilon above 0
     * @param out rows {@code [n, width]}, x's dtype, and then may be x; or BF16 where x is F32
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    default void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        NormComposition.rmsNorm(x, weight, epsilon, out, rstd);
    }

    /**
     * The gradient of {@link #rmsNorm}: with {@code n = x rstd} and {@code m = gradient * weight}, {@code dx = rstd (m - n average(m n))},
     * {@code dWeight += sum gradient n}.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param x the forward's input
     * @param weight the forward's weight
     * @param rstd what the forward saved
     * @param dx rows {@code [n, width]}, F32; may be the gradient; null if not needed
     * @param dWeight accumulates; rows {@code [width]}, F32; null if not needed
     */
    default void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        NormComposition.rmsNormGradient(gradient, x, weight, rstd, dx, dWeight);
    }

    /**
     * {@link #rmsNormGradient} added to the gradient of a residual stream, with the sum rounded for the branch that takes it: {@code sum += dx} and
     * {@code rounded = sum}, with the bits of the kernel, the addition and the copy one after another.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param x the forward's input, F32
     * @param weight the forward's weight
     * @param rstd what the forward saved
     * @param sum accumulates; rows {@code [n, width]}, F32
     * @param rounded rows {@code [n, width]}, BF16
     * @param dWeight accumulates; rows {@code [width]}, F32; null if not wanted
     */
    default void addRmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor sum, Tensor rounded, Tensor dWeight) {
        NormComposition.addRmsNormGradient(gradient, x, weight, rstd, sum, rounded, dWeight);
    }

    /**
     * A residual add and {@link #layerNorm} in one: {@code sum = x + branch}, and out, mean and rstd are those of {@code layerNorm(sum)}, bit for
     * bit.
     *
     * @param x the residual stream, rows {@code [n, width]}, F32
     * @param branch the branch's output, rows {@code [n, width]}, F32 or BF16
     * @param sum rows {@code [n, width]}, F32; may be x
     * @param parameters weight and bias, rows, and epsilon
     * @param out rows {@code [n, width]}, F32 or BF16
     * @param mean rows {@code [n]}, F32, for the gradient
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    default void addLayerNorm(Tensor x, Tensor branch, Tensor sum, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        mixedAdd(x, branch, sum);
        layerNorm(sum, parameters, out, mean, rstd);
    }

    /**
     * A residual add and {@link #rmsNorm} in one: {@code sum = x + branch}, and out and rstd are those of {@code rmsNorm(sum)}, bit for bit.
     *
     * @param x the residual stream, rows {@code [n, width]}, F32
     * @param branch the branch's output, rows {@code [n, width]}, F32 or BF16
     * @param sum rows {@code [n, width]}, F32; may be x
     * @param weight rows {@code [width]}, any floating dtype
     * @param epsilon above 0
     * @param out rows {@code [n, width]}, F32 or BF16
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    default void addRmsNorm(Tensor x, Tensor branch, Tensor sum, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        mixedAdd(x, branch, sum);
        rmsNorm(sum, weight, epsilon, out, rstd);
    }

    // The transformer's fused operations

    /**
     * Rotates pairs of features by position (Su et al. 2021, arXiv 2104.09864), in the rotate-half convention: with h = D / 2 and i below h,
     * {@code out[i] = x[i] cos[i] - x[i + h] sin[i]} and {@code out[i + h] = x[i + h] cos[i] + x[i] sin[i]}.
     *
     * @param x {@code [batch, sequence, heads, D]}, unit stride along D
     * @param cos rows {@code [sequence, D / 2]}, F32
     * @param sin rows {@code [sequence, D / 2]}, F32
     * @param inverse whether to rotate backwards, which is the gradient
     * @param out x's shape and dtype, unit stride along D; may be x
     */
    default void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        RotaryComposition.rotate(x, cos, sin, inverse, out);
    }

    /**
     * {@link #rotaryEmbedding} with the result rounded once to BF16, as the gradient of queries and keys in BF16.
     *
     * @param x {@code [batch, sequence, heads, D]}, F32, unit stride along D
     * @param cos rows {@code [sequence, D / 2]}, F32
     * @param sin rows {@code [sequence, D / 2]}, F32
     * @param inverse whether to rotate backwards, which is the gradient
     * @param out x's shape, BF16, unit stride along D
     */
    default void rotaryEmbeddingRounded(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        RotaryComposition.rotateRounded(x, cos, sin, inverse, out);
    }

    /**
     * Rotates queries and keys as {@link #rotaryEmbedding} does, with the same bits, and appends keys and values to a key-value cache.
     *
     * @param q {@code [batch, sequence, heads, D]}, unit stride along D; overwritten by the rotated queries
     * @param k {@code [batch, sequence, groups, D]} of q's dtype, unit stride along D
     * @param v {@code [batch, sequence, groups, D]} of q's dtype, unit stride along D
     * @param cos rows {@code [sequence, D / 2]}, F32
     * @param sin rows {@code [sequence, D / 2]}, F32
     * @param keys k's shape and dtype, unit stride along D: receives the rotated keys
     * @param values v's shape and dtype, unit stride along D: receives the values
     */
    default void rotaryAppend(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, Tensor keys, Tensor values) {
        rotaryEmbedding(q, cos, sin, false, q);
        rotaryEmbedding(k, cos, sin, false, keys);
        values.backend().copy(v, values);
    }

    /**
     * {@link #rotaryAppend} of one token of each of several sequences, each with a cache of its own; the bits are the same.
     *
     * @param q {@code [1, sequences, heads, D]}, unit stride along D; overwritten by the rotated queries
     * @param k {@code [1, sequences, groups, D]} of q's dtype, unit stride along D
     * @param v {@code [1, sequences, groups, D]} of q's dtype, unit stride along D
     * @param cos rows {@code [sequences, D / 2]}, F32
     * @param sin rows {@code [sequences, D / 2]}, F32
     * @param keys for each sequence {@code [1, 1, groups, D]} of q's dtype, unit stride along D: receives the rotated key
     * @param values for each sequence {@code [1, 1, groups, D]} of q's dtype, unit stride along D: receives the value
     */
    default void rotaryAppendToEach(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, List<Tensor> keys, List<Tensor> values) {
        for (int i = 0; i < keys.size(); i++) {
            rotaryAppend(q.slice(1, i, i + 1), k.slice(1, i, i + 1), v.slice(1, i, i + 1), cos.slice(0, i, i + 1), sin.slice(0, i, i + 1),
                    keys.get(i), values.get(i));
        }
    }

    /**
     * Causal grouped-query attention: for head h of {@code heads}, which reads key and value head {@code h / (heads / groups)},
     * {@code out[t] = sum over s <= keys - queries + t of softmax(scale q[t] . k[s]) v[s]} (Vaswani et al. 2017; in blocks, after Dao et al. 2022,
     * arXiv 2205.14135: memory grows with the sequence, never with its square).
     *
     * @param operands q, k and v, unit stride along D, and the scale; of one dtype unless {@link #takesRoundedKeys}
     * @param out rows of q's shape and dtype
     * @param logSumExp rows {@code [batch, heads, queries]}, F32, for the gradient
     */
    default void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        AttentionComposition.attention(operands, out, logSumExp);
    }

    /**
     * Whether {@link #attention} and {@link #attentionOfEach} take keys and values in BF16 with queries in F32, as of a key-value cache in BF16, and
     * give the bits of the same numbers in F32. Callers convert them first where they do not.
     *
     * @return false by default
     */
    default boolean takesRoundedKeys() {
        return false;
    }

    /**
     * {@link #attention} of several sequences, each over keys and values of its own, as in decoding with a cache for each; the bits are those of each
     * alone.
     *
     * @param sequences operands of each sequence, with a batch of 1; of one dtype, and with the same number of queries, heads and groups, D and scale
     * @param out {@code [sequences, queries, heads, D]} of their dtype, contiguous
     */
    default void attentionOfEach(List<AttentionOperands> sequences, Tensor out) {
        AttentionComposition.attentionOfEach(this, sequences, out);
    }

    /**
     * The gradient of {@link #attention}.
     *
     * @param operands those of the forward
     * @param out the forward's result
     * @param logSumExp what the forward saved
     * @param gradient rows of q's shape, F32
     * @param dq rows of q's shape, F32
     * @param dk rows of k's shape, F32
     * @param dv rows of k's shape, F32
     */
    default void attentionGradient(
            AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        AttentionComposition.gradient(operands, logSumExp, gradient, dq, dk, dv);
    }

    /**
     * {@code out = silu(gate) * up} (Shazeer 2020, arXiv 2002.05202).
     *
     * @param gate rows
     * @param up rows of gate's shape and dtype
     * @param out rows of gate's shape and dtype; may be gate or up
     */
    default void swiGlu(Tensor gate, Tensor up, Tensor out) {
        SwiGluComposition.swiGlu(gate, up, out);
    }

    /**
     * The gradient of {@link #swiGlu}: with s = sigmoid(gate), {@code dGate = gradient up s (1 + gate (1 - s))} and {@code dUp = gradient gate s}.
     *
     * @param gradient rows, F32
     * @param gate the forward's gate
     * @param up the forward's up
     * @param dGate rows, F32; may be the gradient
     * @param dUp rows, F32
     */
    default void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        SwiGluComposition.gradient(gradient, gate, up, dGate, dUp);
    }

    /**
     * {@link #swiGluGradient} in BF16: the results are those for F32, rounded once.
     *
     * @param gradient rows, F32 or BF16
     * @param gate the forward's gate, BF16
     * @param up the forward's up, BF16
     * @param dGate rows, BF16; may be the gradient
     * @param dUp rows, BF16
     */
    default void swiGluGradientRounded(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        SwiGluComposition.gradientRounded(gradient, gate, up, dGate, dUp);
    }

    // Losses

    /**
     * Computes the loss of a student's rows of logits with respect to a teacher's, and replaces the student's by their gradient. A probability of 0
     * adds nothing. A teacher's logit of minus infinity is a probability of 0; in the reverse divergence, which would then be infinite, it counts as
     * 10^6 below the row's largest logit.
     *
     * @param objective the formula of a row's loss
     * @param teacher rows {@code [n, vocabulary]}, F32
     * @param student rows {@code [n, vocabulary]}, F32; replaced by {@code scale * d loss / d logits}
     * @param labels rows {@code [n]}, I64, the true next tokens; a negative one leaves the cross-entropy part out; null if its weight is 0
     * @param scale a factor applied to gradients
     * @param losses rows {@code [n]}, F32: the loss of each row
     * @param divergences rows {@code [n]}, F32: the divergence of each row, without weight or temperature^2
     * @throws kept.tensor.ShapeException if a label that counts lies beyond the vocabulary; nothing is overwritten then
     */
    default void distillationRows(
            DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses, Tensor divergences) {
        LossComposition.distillation(objective, teacher, student, labels, scale, losses, divergences);
    }

    /**
     * As {@link #distillationRows}, against a teacher's distribution p of which some tokens K are known one by one, and the others by their sum r.
     * With q the student's softmax at the temperature and s the sum of its other tokens, the divergence is
     * {@code -sum over K of p log q - r log s - entropy}. The gradient by a logit over the temperature is {@code q - p} in K and
     * {@code q (1 - r / s)} elsewhere.
     *
     * @param objective the formula of a row's loss; its divergence counts as {@link Divergence#FORWARD_KL}
     * @param teacher the teacher's distributions, tensors of rows
     * @param student rows {@code [n, vocabulary]}, F32; replaced by {@code scale * d loss / d logits}
     * @param labels rows {@code [n]}, I64, the true next tokens; a negative one leaves the cross-entropy part out; null if its weight is 0
     * @param scale a factor applied to gradients
     * @param losses rows {@code [n]}, F32: the loss of each row
     * @param divergences rows {@code [n]}, F32: the divergence of each row, without weight or temperature^2
     * @throws kept.tensor.ShapeException if a token or a label that counts lies beyond the vocabulary; nothing is overwritten then
     */
    default void sparseDistillationRows(DistillationObjective objective, SparseDistribution teacher, Tensor student, Tensor labels, double scale,
            Tensor losses, Tensor divergences) {
        SparseLossComposition.distillation(objective, teacher, student, labels, scale, losses, divergences);
    }

    /**
     * The cross-entropy of rows of logits, {@code logSumExp(row) - row[label]}; its gradient overwrites the logits.
     *
     * @param logits rows {@code [n, vocabulary]}, F32; replaced by {@code scale * (softmax - onehot(label))}
     * @param labels rows {@code [n]}, I64; a row with a negative label has loss 0 and gradient 0
     * @param scale a factor applied to gradients
     * @param losses rows {@code [n]}, F32
     * @throws kept.tensor.ShapeException if a label lies beyond the vocabulary; nothing is overwritten then
     */
    default void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        LossComposition.crossEntropy(logits, labels, scale, losses);
    }

    // Training

    /**
     * One AdamW step on one parameter: with {@code g = gradientScale gradient}, {@code m = beta1 m + (1 - beta1) g},
     * {@code v = beta2 v + (1 - beta2) g^2}, {@code w = w (1 - lr decay) - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)}.
     * A gradient of BF16 gives the bits of the same numbers in F32.
     *
     * <p>8-bit moments are {@link BlockCodes}: m in the signed code, sqrt(v) in the unsigned one. The step decodes them and encodes the new moments;
     * the parameter is updated with the new moments before they are encoded.
     *
     * @param step the step's numbers
     * @param parameter rows, any floating dtype; updated
     * @param gradient rows, F32; may be BF16 where the parameter is
     * @param firstMoment rows, F32; or block codes, I32; updated
     * @param secondMoment rows, F32, or of block codes if the first is; updated
     */
    default void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        AdamWComposition.step(step, parameter, gradient, firstMoment, secondMoment);
    }

    /**
     * The sum of the squares of all elements of several tensors: {@link #sumOfChunks} of their {@link #squaresOfChunks}, one tensor after another.
     *
     * @param tensors rows, F32 or BF16, each its own
     * @return the sum; infinite or NaN where an element is
     */
    default double sumOfSquares(List<Tensor> tensors) {
        return sumOfChunks(squaresOfChunks(tensors));
    }

    /**
     * The number of elements of a chunk of {@link #squaresOfChunks}.
     *
     * @return a power of two, at most 65,536
     */
    default int squaresChunk() {
        return AdamWComposition.SQUARES_CHUNK;
    }

    /**
     * The sums of the squares of chunks of {@link #squaresChunk} elements, in a fixed order and in double precision. Tensors may be divided
     * at borders of chunks, and the sums are the same.
     *
     * @param tensors rows, F32 or BF16, each its own
     * @return the sums of the chunks of the first tensor, then of the next; the last chunk of a tensor may be shorter
     */
    default double[] squaresOfChunks(List<Tensor> tensors) {
        return AdamWComposition.squaresOfChunks(tensors);
    }

    /**
     * Adds the sums of chunks, in a fixed order.
     *
     * @param chunks the sums of all chunks
     * @return their sum
     */
    default double sumOfChunks(double... chunks) {
        return AdamWComposition.sum(chunks);
    }

    // Least squares

    /**
     * Memory for least squares in double precision, all zero; a device without f64 arithmetic of its own computes them on the host.
     *
     * @param width the number of channels of what predicts and of what is predicted, 1 or more
     * @return the equations, to be closed
     * @throws kept.tensor.OutOfMemoryException if the device has no room for them
     */
    default LeastSquares leastSquares(int width) {
        return new HostLeastSquares(width);
    }
}

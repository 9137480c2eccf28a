package kept.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * What a device implements: memory, and the kernels that all operations are made of.
 *
 * <p>Rules that hold for every kernel unless it says otherwise:
 * <ul>
 * <li>Operands are tensors of this device; shapes, dtypes and strides have been checked by the operation that calls.</li>
 * <li>Floating operands may be F32, BF16 or F16; arithmetic is in f32 and the result is rounded once, to nearest even.</li>
 * <li>Operands may have any strides, 0 included (broadcasting); {@code out} is never broadcast. A kernel that says <em>rows</em> needs that operand
 * contiguous.</li>
 * <li>{@code out} is overwritten and may be the same tensor as an elementwise operand, but may not overlap one in any other way.</li>
 * <li>"Accumulates" means that {@code out} is added to.</li>
 * <li>The same call gives the same bits every time, whatever the number of threads.</li>
 * </ul>
 */
public interface Backend {
    /**
     * The device's short name.
     *
     * @return the provider's name, such as {@code cpu}
     */
    String name();

    /**
     * One line for start-up: the device, its vector width or model, threads and kernels in use, and what would lift a fall-back.
     *
     * @return the line, without a line break
     */
    String description();

    /**
     * What the last bits of results depend on besides the values: two backends that say the same compute the same bits.
     *
     * @return a few words, such as {@code cpu, vectors of 512 bits}
     */
    String arithmetic();

    // Memory

    /**
     * Takes a block from the device's pool. Its contents are arbitrary.
     *
     * @param bytes the size wanted, 0 or more
     * @return a block of at least that size
     * @throws kept.tensor.OutOfMemoryException if there is no room
     */
    Buffer allocate(long bytes);

    /**
     * Gives a block back to the pool.
     *
     * @param buffer a block from {@link #allocate}, not released before
     */
    void release(Buffer buffer);

    /**
     * Counts the memory of the device's pool.
     *
     * @return the counts at this moment
     */
    MemoryUsage memoryUsage();

    /**
     * The device's own memory.
     *
     * @return its size and what is free of it now; empty for a device whose tensors lie in the machine's memory
     */
    default Optional<DeviceMemory> ownMemory() {
        return Optional.empty();
    }

    /** Begins to count {@link MemoryUsage#peakInUse()} afresh, from what is in use now: so that one piece of work can be measured among others. */
    void resetPeakMemory();

    /**
     * How much of a large intermediate result, such as logits over a vocabulary, an operation that works in chunks should make at a time: enough for
     * matrix products to be efficient, little beside the device's memory.
     *
     * @return bytes
     */
    long chunkBytes();

    /** Gives blocks that nothing uses back to the operating system or driver. */
    void trim();

    /**
     * Copies from the host.
     *
     * @param from the source; all of it is copied
     * @param to the target
     * @param byteOffset where in the target
     */
    void upload(MemorySegment from, Buffer to, long byteOffset);

    /**
     * Copies to the host, after everything launched before it has finished.
     *
     * @param from the source
     * @param byteOffset where in the source
     * @param to the target; all of it is filled
     */
    void download(Buffer from, long byteOffset, MemorySegment to);

    // Creation and movement

    /**
     * Sets every element to one value.
     *
     * @param out any dtype and strides
     * @param value the value, converted to the dtype as {@link #copy} converts
     */
    void fill(Tensor out, double value);

    /**
     * Fills with counter-based random numbers (Philox 4x32-10, Salmon et al. 2011): the element at row-major position i depends on seed, stream and i
     * alone.
     *
     * @param distribution what the numbers follow
     * @param seed the generator's key
     * @param stream tells apart the tensors of one seed
     * @param out rows, F32
     */
    void random(Distribution distribution, long seed, long stream, Tensor out);

    /**
     * Copies and converts: {@code out = x}. Floating to integer truncates towards zero and saturates: what lies beyond the type becomes its smallest
     * or largest number, NaN becomes 0. I64 to I32 keeps the low 32 bits. Floating to floating overflows to infinity, as IEEE 754 has it.
     *
     * @param x any dtype, expanded to out's shape
     * @param out any dtype
     */
    void copy(Tensor x, Tensor out);

    // Elementwise

    /**
     * {@code out = f(x)}.
     *
     * @param f the function; integers take {@link Unary#NEGATE}, {@link Unary#ABS} and {@link Unary#RELU} only
     * @param x the operand
     * @param out x's shape and dtype
     */
    void unary(Unary f, Tensor x, Tensor out);

    /**
     * {@code out = f(a, b)}.
     *
     * @param f the function
     * @param a one operand, expanded to out's shape
     * @param b the other, of the same dtype, expanded to out's shape
     * @param out the operands' dtype, or I32 for comparisons
     */
    void binary(Binary f, Tensor a, Tensor b, Tensor out);

    /**
     * {@code out = a + b} with b of another type, as the sum of a residual stream and a branch. A device that has no kernel for it converts b first:
     * the bits are the same.
     *
     * @param a F32, expanded to out's shape
     * @param b any floating dtype, expanded to out's shape
     * @param out F32; may be a
     */
    default void mixedAdd(Tensor a, Tensor b, Tensor out) {
        if (b.dtype() == DType.F32) {
            binary(Binary.ADD, a, b, out);
            return;
        }
        try (var _ = Scope.open(out.device())) {
            Tensor wide = Tensor.empty(DType.F32, out.shape());
            copy(b, wide);
            binary(Binary.ADD, a, wide, out);
        }
    }

    /**
     * {@code out = condition != 0 ? a : b}.
     *
     * @param condition I32, expanded to out's shape
     * @param a taken where the condition holds, expanded to out's shape
     * @param b taken elsewhere, of a's dtype, expanded to out's shape
     * @param out a's dtype
     */
    void where(Tensor condition, Tensor a, Tensor b, Tensor out);

    // Reductions

    /**
     * Reduces the innermost axes: {@code out[i...] = reduction over j... of x[i..., j...]}.
     *
     * @param reduction what to compute; a sum over no elements is 0, and one of integers keeps the low 64 bits
     * @param x {@code [kept..., reduced...]}
     * @param out {@code [kept...]}, x's dtype, but I64 for the sum of I32; its rank says how many axes are kept
     */
    void reduce(Reduction reduction, Tensor x, Tensor out);

    /**
     * The index of the largest element along the innermost axis, the first of equals; the first NaN where there is one.
     *
     * @param x {@code [..., n]}, n at least 1
     * @param out {@code [...]}, I64
     */
    void argMax(Tensor x, Tensor out);

    /**
     * {@code out = e^(x - m) / sum e^(x - m)} along the innermost axis, m the row's maximum; or its logarithm.
     *
     * @param logarithm whether to give {@code (x - m) - log sum e^(x - m)} instead
     * @param x rows {@code [..., n]}
     * @param out rows of x's shape and dtype; may be x
     */
    void softmax(boolean logarithm, Tensor x, Tensor out);

    /**
     * The gradient of {@link #softmax}: {@code dx = y (gradient - sum gradient y)}; of its logarithm, {@code dx = gradient - e^y sum gradient}.
     *
     * @param logarithm whether y is the logarithm
     * @param gradient rows {@code [..., n]}, F32
     * @param y the forward's result, rows
     * @param dx rows of y's shape, F32; may be the gradient
     */
    void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx);

    /**
     * {@code out = m + log sum e^(x - m)} along the innermost axis, m the row's maximum.
     *
     * @param x rows {@code [..., n]}
     * @param out rows {@code [...]}, F32
     */
    void logSumExp(Tensor x, Tensor out);

    // Products

    /**
     * {@code out = a b}, or {@code out += a b}; sums are f32.
     *
     * @param a {@code [batch..., m, k]}, any floating dtype (a transposed operand is a view)
     * @param b {@code [batch..., k, n]}, any floating dtype
     * @param out {@code [batch..., m, n]}, any floating dtype, unit stride along n
     * @param accumulate whether to add to out, which then is F32
     */
    void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate);

    /**
     * The type in which a product takes an F32 operand. A device whose hardware multiplies operands of one type may round F32 beside a shorter type;
     * layers over weights of that type do well then to have their activations in it as well.
     *
     * @param other the type of the other operand
     * @return F32, unless the device rounds F32 beside the other type
     */
    default DType productType(DType other) {
        return DType.F32;
    }

    // Indexing

    /**
     * {@code out[..., i, ...] = x[..., index[..., i, ...], ...]} along one axis.
     *
     * @param x the source
     * @param axis the axis, from 0
     * @param index I32 or I64, of x's rank; along other axes no larger than x
     * @param out index's shape, x's dtype
     * @throws kept.tensor.ShapeException if an index lies outside x's axis
     */
    void gather(Tensor x, int axis, Tensor index, Tensor out);

    /**
     * {@code out[..., index[..., i, ...], ...] += x[..., i, ...]} along one axis; equal indices add up in ascending order of i.
     *
     * @param x what is added, F32 or an integer type
     * @param axis the axis, from 0
     * @param index I32 or I64, x's shape; along other axes no larger than out
     * @param out accumulates; x's dtype
     * @throws kept.tensor.ShapeException if an index lies outside out's axis
     */
    void scatterAdd(Tensor x, int axis, Tensor index, Tensor out);

    /**
     * {@code out[i, :] = table[index[i], :]}.
     *
     * @param table rows {@code [vocabulary, width]}, any floating dtype
     * @param index rows {@code [n]}, I32 or I64
     * @param out rows {@code [n, width]}, any floating dtype
     * @throws kept.tensor.ShapeException if an index lies outside the table
     */
    void embedding(Tensor table, Tensor index, Tensor out);

    /**
     * {@code out[index[i], :] += gradient[i, :]}, in ascending order of i.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param index rows {@code [n]}, I32 or I64
     * @param out accumulates; rows {@code [vocabulary, width]}, F32
     */
    void embeddingGradient(Tensor gradient, Tensor index, Tensor out);

    // Norms

    /**
     * {@code out = weight * (x - mean) * rstd + bias} with {@code rstd = 1 / sqrt(var + epsilon)}, var the biased variance (Ba et al. 2016, arXiv
     * 1607.06450).
     *
     * @param x rows {@code [n, width]}
     * @param weight rows {@code [width]}, any floating dtype
     * @param bias rows {@code [width]}, any floating dtype
     * @param epsilon above 0
     * @param out rows {@code [n, width]}, x's dtype, and then may be x; or BF16 where x is F32
     * @param mean rows {@code [n]}, F32, for the gradient
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    void layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon, Tensor out, Tensor mean, Tensor rstd);

    /**
     * The gradient of {@link #layerNorm}: with {@code n = (x - mean) rstd} and {@code m = gradient * weight},
     * {@code dx = rstd (m - average(m) - n average(m n))}, {@code dWeight += sum gradient n}, {@code dBias += sum gradient}.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param x the forward's input
     * @param weight the forward's weight
     * @param mean what the forward saved
     * @param rstd what the forward saved
     * @param dx rows {@code [n, width]}, F32; may be the gradient; null if not wanted
     * @param dWeight accumulates; rows {@code [width]}, F32; null if not wanted
     * @param dBias accumulates; rows {@code [width]}, F32; null if not wanted
     */
    void layerNormGradient(
            Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias);

    /**
     * {@code out = weight * x * rstd} with {@code rstd = 1 / sqrt(average(x^2) + epsilon)} (Zhang and Sennrich 2019, arXiv 1910.07467).
     *
     * @param x rows {@code [n, width]}
     * @param weight rows {@code [width]}, any floating dtype
     * @param epsilon above 0
     * @param out rows {@code [n, width]}, x's dtype, and then may be x; or BF16 where x is F32
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd);

    /**
     * The gradient of {@link #rmsNorm}: with {@code n = x rstd} and {@code m = gradient * weight}, {@code dx = rstd (m - n average(m n))},
     * {@code dWeight += sum gradient n}.
     *
     * @param gradient rows {@code [n, width]}, F32
     * @param x the forward's input
     * @param weight the forward's weight
     * @param rstd what the forward saved
     * @param dx rows {@code [n, width]}, F32; may be the gradient; null if not wanted
     * @param dWeight accumulates; rows {@code [width]}, F32; null if not wanted
     */
    void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight);

    /**
     * A residual add and {@link #layerNorm} in one: {@code sum = x + branch}, and out, mean and rstd are those of {@code layerNorm(sum)}, bit for
     * bit.
     *
     * @param x the residual stream, rows {@code [n, width]}, F32
     * @param branch what is added to it, rows {@code [n, width]}, F32 or BF16
     * @param sum rows {@code [n, width]}, F32; may be x
     * @param weight rows {@code [width]}, any floating dtype
     * @param bias rows {@code [width]}, any floating dtype
     * @param epsilon above 0
     * @param out rows {@code [n, width]}, F32 or BF16
     * @param mean rows {@code [n]}, F32, for the gradient
     * @param rstd rows {@code [n]}, F32, for the gradient
     */
    default void addLayerNorm(
            Tensor x, Tensor branch, Tensor sum, Tensor weight, Tensor bias, double epsilon, Tensor out, Tensor mean, Tensor rstd) {
        mixedAdd(x, branch, sum);
        layerNorm(sum, weight, bias, epsilon, out, mean, rstd);
    }

    /**
     * A residual add and {@link #rmsNorm} in one: {@code sum = x + branch}, and out and rstd are those of {@code rmsNorm(sum)}, bit for bit.
     *
     * @param x the residual stream, rows {@code [n, width]}, F32
     * @param branch what is added to it, rows {@code [n, width]}, F32 or BF16
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
    void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out);

    /**
     * Causal grouped-query attention: for head h of {@code heads}, which reads key and value head {@code h / (heads / groups)},
     * {@code out[t] = sum over s <= keys - queries + t of softmax(scale q[t] . k[s]) v[s]} (Vaswani et al. 2017; in blocks, after Dao et al. 2022,
     * arXiv 2205.14135: memory grows with the sequence, never with its square).
     *
     * @param q {@code [batch, queries, heads, D]}, unit stride along D
     * @param k {@code [batch, keys, groups, D]}, keys at least queries, unit stride along D
     * @param v k's shape, unit stride along D
     * @param scale what scores are multiplied by, usually {@code 1 / sqrt(D)}
     * @param out rows of q's shape and dtype
     * @param logSumExp rows {@code [batch, heads, queries]}, F32, for the gradient
     */
    void attention(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp);

    /**
     * The gradient of {@link #attention}.
     *
     * @param gradient rows of q's shape, F32
     * @param q the forward's queries
     * @param k the forward's keys
     * @param v the forward's values
     * @param scale the forward's scale
     * @param out the forward's result
     * @param logSumExp what the forward saved
     * @param dq rows of q's shape, F32
     * @param dk rows of k's shape, F32
     * @param dv rows of k's shape, F32
     */
    void attentionGradient(
            Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk, Tensor dv);

    /**
     * {@code out = silu(gate) * up} (Shazeer 2020, arXiv 2002.05202).
     *
     * @param gate rows
     * @param up rows of gate's shape and dtype
     * @param out rows of gate's shape and dtype; may be gate or up
     */
    void swiGlu(Tensor gate, Tensor up, Tensor out);

    /**
     * The gradient of {@link #swiGlu}: with s = sigmoid(gate), {@code dGate = gradient up s (1 + gate (1 - s))} and {@code dUp = gradient gate s}.
     *
     * @param gradient rows, F32
     * @param gate the forward's gate
     * @param up the forward's up
     * @param dGate rows, F32
     * @param dUp rows, F32
     */
    void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp);

    // Losses

    /**
     * Scores rows of logits against a teacher's and replaces them by their gradient. A probability of 0 adds nothing. A teacher's logit of minus
     * infinity is a probability of 0; in the reverse divergence, which would then be infinite, it counts as 10^6 below the row's largest logit.
     *
     * @param objective the formula of a row's loss
     * @param teacher rows {@code [n, vocabulary]}, F32
     * @param student rows {@code [n, vocabulary]}, F32; replaced by {@code scale * d loss / d logits}
     * @param labels rows {@code [n]}, I64, the true next tokens; a negative one leaves the cross-entropy part out; null if its weight is 0
     * @param scale what gradients are multiplied by
     * @param losses rows {@code [n]}, F32: the whole loss of each row
     * @param divergences rows {@code [n]}, F32: the divergence of each row, without weight or temperature^2
     * @throws kept.tensor.ShapeException if a label that counts lies beyond the vocabulary; nothing is overwritten then
     */
    void distillationRows(
            DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses, Tensor divergences);

    /**
     * The cross-entropy of rows of logits, {@code logSumExp(row) - row[label]}, and its gradient in their place.
     *
     * @param logits rows {@code [n, vocabulary]}, F32; replaced by {@code scale * (softmax - onehot(label))}
     * @param labels rows {@code [n]}, I64; a row with a negative label costs nothing and has no gradient
     * @param scale what gradients are multiplied by
     * @param losses rows {@code [n]}, F32
     * @throws kept.tensor.ShapeException if a label lies beyond the vocabulary; nothing is overwritten then
     */
    void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses);

    // Training

    /**
     * One AdamW step on one parameter: with {@code g = gradientScale gradient}, {@code m = beta1 m + (1 - beta1) g},
     * {@code v = beta2 v + (1 - beta2) g^2}, {@code w = w (1 - lr decay) - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)}.
     * A gradient of BF16 gives the bits of the same numbers in F32.
     *
     * <p>Moments of 8 bits are {@link BlockCodes}: m of the signed code and sqrt(v) of the unsigned one are read from them, and what the step makes
     * is
     * written back; the parameter is updated by the numbers before they are rounded.
     *
     * @param step the step's numbers
     * @param parameter rows, any floating dtype; updated
     * @param gradient rows, F32; may be BF16 where the parameter is
     * @param firstMoment rows, F32; or block codes, I32; updated
     * @param secondMoment rows, F32, or of block codes if the first is; updated
     */
    void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment);

    /**
     * The sum of the squares of all elements of several tensors, in a fixed order and in double precision across chunks.
     *
     * @param tensors rows, F32 or BF16, each its own
     * @return the sum; infinite or NaN where an element is
     */
    double sumOfSquares(List<Tensor> tensors);
}

package kept.backend;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * What a device must have: memory and the twelve kernels that every operation can be composed of. {@link FusedKernels}, which it inherits, are
 * compositions of these until a device overrides them with something faster.
 *
 * <p>Rules that hold for every kernel unless it says otherwise:
 * <ul>
 * <li>Operands are tensors of this device; shapes, dtypes and strides have been checked by the operation that calls.</li>
 * <li>Floating operands may be F32, BF16 or F16; arithmetic is in f32 and the result is rounded once, to nearest even. Or they may be F64, if the
 * device {@linkplain #has has} it: then all floating operands and results are, F64 stands wherever F32 does here, and arithmetic is in f64.</li>
 * <li>Integers are computed in 64 bits; I32 and U8 keep the low bits of a result, BOOL is true unless the result is 0.</li>
 * <li>Operands may have any strides, 0 included (broadcasting); {@code out} is never broadcast. A kernel that says <em>rows</em> needs that operand
 * contiguous.</li>
 * <li>{@code out} is overwritten and may be the same tensor as an elementwise operand, but may not overlap one in any other way.</li>
 * <li>"Accumulates" means that {@code out} is added to.</li>
 * <li>The same call gives the same bits every time, whatever the number of threads.</li>
 * </ul>
 */
public interface Backend extends FusedKernels {
    /**
     * The backend that the provider opened, for a device's own parts and their tests; {@link kept.tensor.Device#backend} wraps it in guards.
     *
     * @return this backend, without guards
     */
    default Backend unguarded() {
        return this;
    }

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

    /**
     * Whether tensors of a type can be made on this device; kernels take all that can.
     *
     * @param dtype the type
     * @return true unless the device says otherwise
     */
    default boolean has(DType dtype) {
        return true;
    }

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
     * or largest number, NaN becomes 0. Integers to shorter ones keep their low bits. Of any type, all but 0 is true, NaN too. Floating to floating
     * overflows to infinity, as IEEE 754 has it.
     *
     * @param x any dtype, expanded to out's shape
     * @param out any dtype
     */
    void copy(Tensor x, Tensor out);

    // Elementwise

    /**
     * {@code out = f(x)}.
     *
     * @param f the function, which {@linkplain Unary#takes takes} the dtype
     * @param x the operand
     * @param out x's shape and dtype
     */
    void unary(Unary f, Tensor x, Tensor out);

    /**
     * {@code out = f(a, b)}.
     *
     * @param f the function, which {@linkplain Binary#takes takes} the dtype
     * @param a one operand, expanded to out's shape
     * @param b the other, of the same dtype, expanded to out's shape
     * @param out the operands' dtype, or I32 or BOOL for comparisons
     */
    void binary(Binary f, Tensor a, Tensor b, Tensor out);


    /**
     * {@code out = condition != 0 ? a : b}.
     *
     * @param condition I32 or BOOL, expanded to out's shape
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
     * @param out {@code [kept...]}, x's dtype, but {@link DType#ofSums} for a sum; its rank says how many axes are kept
     */
    void reduce(Reduction reduction, Tensor x, Tensor out);

    /**
     * The index of the largest element along the innermost axis, the first of equals; the first NaN where there is one.
     *
     * @param x {@code [..., n]}, n at least 1
     * @param out {@code [...]}, I64
     */
    void argMax(Tensor x, Tensor out);


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

    /**
     * Whether a row of a product has the same bits whatever other rows the product has: among up to four rows those that it has alone, and among five
     * or more those that it has among any five. Then a sequence in a batch has the bits that it has alone, and a text in pieces those that it has at
     * once. A library that chooses the order of additions by the shape does not keep them.
     *
     * @return false unless the device says otherwise
     */
    default boolean keepsBitsOfRows() {
        return false;
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
}

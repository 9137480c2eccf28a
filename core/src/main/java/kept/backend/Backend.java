package kept.backend;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * A device: memory and the twelve primitive kernels, from which every operation can be composed. The inherited {@link FusedKernels} are compositions
 * of these until a device overrides them with faster kernels.
 *
 * <p>Rules that hold for every kernel unless it says otherwise:
 * <ul>
 * <li>Operands are tensors of this device; shapes, dtypes and strides have been checked by the operation that calls.</li>
 * <li>Floating operands may be F32, BF16 or F16; arithmetic is in f32 and the result is rounded once, to nearest even. If the device {@linkplain #has
 *     has} F64, all floating operands and results of a kernel may be F64 instead; then F64 replaces F32 in its contract, and arithmetic is in
 *     f64.</li>
 * <li>Integers are computed in 64 bits; I32 and U8 keep the low bits of a result, BOOL is true unless the result is 0.</li>
 * <li>Operands may have any strides, 0 included (broadcasting); {@code out} is never broadcast. An operand described as <em>rows</em> is
 *     contiguous.</li>
 * <li>{@code out} is overwritten and may be the same tensor as an elementwise operand, but may not overlap one in any other way.</li>
 * <li>"Accumulates" means that {@code out} is added to.</li>
 * <li>The same call gives the same bits every time, whatever the number of threads.</li>
 * </ul>
 */
public interface Backend extends FusedKernels {
    /**
     * The backend itself, for the device's own classes and their tests; {@link kept.tensor.Device#backend} wraps it in guards.
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
     * One line for start-up: the device, its vector width or model, the threads and kernels in use, and how to avoid a fall-back.
     *
     * @return the line, without a line break
     */
    String description();

    /**
     * The properties that the last bits of results depend on: two backends with the same description compute the same bits.
     *
     * @return a few words, such as {@code cpu, vectors of 512 bits}
     */
    String arithmetic();

    /**
     * Whether the device has tensors of a type; its kernels then support the type.
     *
     * @param dtype the type
     * @return true by default
     */
    default boolean has(DType dtype) {
        return true;
    }

    // Memory

    /**
     * Takes a block from the device's pool. Its contents are arbitrary.
     *
     * @param bytes the required size, 0 or more
     * @return a block of at least that size
     * @throws kept.tensor.OutOfMemoryException if there is no room
     */
    Buffer allocate(long bytes);

    /**
     * Returns a block to the pool.
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
     * @return its size and how much of it is free now; empty for a device whose tensors are in the machine's memory
     */
    default Optional<DeviceMemory> ownMemory() {
        return Optional.empty();
    }

    /** Restarts {@link MemoryUsage#peakInUse()} from the memory in use now, to measure one piece of work. */
    void resetPeakMemory();

    /**
     * The size of the chunks in which operations compute a large intermediate result, such as logits over a vocabulary: large enough for efficient
     * matrix products, small compared with the device's memory.
     *
     * @return bytes
     */
    long chunkBytes();

    /**
     * How many rows of logits an operation that works in chunks computes at a time.
     *
     * @param rows all rows
     * @param vocabulary logits of a row
     * @param width width of the hidden states
     * @return a multiple of 64 from 64 to 2048, whose F32 logits take at most {@link #chunkBytes} unless it is 64
     */
    default long logitRows(long rows, long vocabulary, long width) {
        long most = Math.clamp(chunkBytes() / Float.BYTES / vocabulary, 64, 2048);
        return most - most % 64;
    }

    /** Returns free blocks to the operating system or driver. */
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
     * @param distribution the distribution of the numbers
     * @param seed the generator's key
     * @param stream distinguishes tensors of one seed
     * @param out rows, F32
     */
    void random(Distribution distribution, long seed, long stream, Tensor out);

    /**
     * Copies and converts: {@code out = x}. Floating to integer truncates towards zero and saturates: values beyond the type become its smallest or
     * largest number, NaN becomes 0. An integer to a shorter type keeps its low bits. To BOOL, 0 is false and all other values are true, including
     * NaN. Floating to floating overflows to infinity, as in IEEE 754.
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
     * @param out {@code [kept...]}, x's dtype, but {@link DType#ofSums} for a sum; its rank is the number of axes that are kept
     */
    void reduce(Reduction reduction, Tensor x, Tensor out);

    /**
     * The index of the largest element along the innermost axis, the first of equals; the first NaN if there are any.
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
     * The type to which a product converts an F32 operand. A device whose hardware multiplies operands of one type may round F32 to the other
     * operand's shorter type; layers with weights of that type are then faster if their activations have it too.
     *
     * @param other the type of the other operand
     * @return F32, unless the device rounds F32 to the other type
     */
    default DType productType(DType other) {
        return DType.F32;
    }

    /**
     * Whether the bits of a product's row do not depend on its other rows: in products of up to four rows they are those of the row alone, and in
     * products of five or more rows those of the row in any product of five. A sequence then has the same bits in a batch and alone, and a text has
     * the same bits in pieces and at once. Libraries that choose the order of additions by the shape do not have this property.
     *
     * @return false by default
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
     * @param x the terms to add, F32 or an integer type
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

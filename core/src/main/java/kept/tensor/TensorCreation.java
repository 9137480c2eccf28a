package kept.tensor;

import java.lang.foreign.MemorySegment;
import java.util.function.BiFunction;
import java.util.function.IntToDoubleFunction;
import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;
import kept.backend.Distribution;
import kept.tensor.internal.Arguments;

/** Creates tensors without given values, such as {@code Tensor.eye(3)} and {@code Tensor.normal(seed, stream, 2, 3)}, in the current scope. */
public abstract sealed class TensorCreation permits Tensor {
    /** The elements that are copied to a device at a time. */
    private static final int PIECE = 1 << 16;

    /** For tensors. */
    TensorCreation() {}

    /**
     * The F32 numbers 0, 1, 2 and so on.
     *
     * @param count how many
     * @return a tensor {@code [count]}
     * @throws ShapeException if the count is negative
     */
    public static Tensor arange(int count) {
        if (count < 0) {
            throw new ShapeException("[arange] a count of 0 or more, not " + count);
        }
        return floats(count, i -> i);
    }

    /**
     * Evenly spaced F32 numbers.
     *
     * @param start the first
     * @param end the last
     * @param count how many; if 1, only the first
     * @return a tensor {@code [count]}
     * @throws ShapeException if the count is negative
     */
    public static Tensor linspace(double start, double end, int count) {
        if (count < 0) {
            throw new ShapeException("[linspace] a count of 0 or more, not " + count);
        }
        // Counted from the nearer end, so that both ends are exact.
        return floats(count, i -> count == 1 ? start
                : 2L * i < count ? start + (end - start) / (count - 1) * i : end - (end - start) / (count - 1) * (count - 1 - i));
    }

    /**
     * The F32 identity matrix.
     *
     * @param size its rows and columns
     * @return a tensor {@code [size, size]}
     * @throws ShapeException if the size is negative
     */
    public static Tensor eye(long size) {
        return eye(size, size);
    }

    /**
     * An F32 matrix with ones on its main diagonal and zeros elsewhere.
     *
     * @param rows its rows
     * @param columns its columns
     * @return a tensor {@code [rows, columns]}
     * @throws ShapeException if an extent is negative
     */
    public static Tensor eye(long rows, long columns) {
        Tensor matrix = Tensor.full(0, DType.F32, Shape.of(rows, columns));
        long shorter = Math.min(rows, columns);
        if (shorter > 0) {
            matrix.alias(Shape.of(shorter), new long[] {columns + 1}, 0).fill(1);
        }
        return matrix;
    }

    /**
     * Random F32 numbers, uniform on 0 (inclusive) to 1 (exclusive). Element i depends on seed, stream and i alone.
     *
     * @param seed the generator's key
     * @param stream distinguishes tensors of one seed
     * @param dimensions the shape
     * @return the tensor
     */
    public static Tensor uniform(long seed, long stream, long... dimensions) {
        return random(Distribution.UNIFORM, seed, stream, dimensions);
    }

    /**
     * Random F32 numbers, normal with mean 0 and standard deviation 1. Element i depends on seed, stream and i alone.
     *
     * @param seed the generator's key
     * @param stream distinguishes tensors of one seed
     * @param dimensions the shape
     * @return the tensor
     */
    public static Tensor normal(long seed, long stream, long... dimensions) {
        return random(Distribution.NORMAL, seed, stream, dimensions);
    }

    private static Tensor random(Distribution distribution, long seed, long stream, long... dimensions) {
        Tensor tensor = Tensor.empty(DType.F32, Shape.of(dimensions));
        tensor.backend().random(distribution, seed, stream, tensor);
        return tensor;
    }

    /**
     * A tensor of the shape and dtype of another, with arbitrary contents.
     *
     * @param like the other tensor
     * @return the tensor
     */
    public static Tensor emptyLike(Tensor like) {
        Arguments.usable("emptyLike", like);
        return Tensor.empty(like.dtype(), like.shape());
    }

    /**
     * A tensor filled with one value, of the shape and dtype of another.
     *
     * @param like the other tensor
     * @param value the value
     * @return the tensor
     * @throws DTypeException if the dtype is an integer type that the value does not fit
     */
    public static Tensor fullLike(Tensor like, double value) {
        Arguments.usable("fullLike", like);
        Arguments.fits("fullLike", value, like.dtype());
        return Tensor.full(value, like.dtype(), like.shape());
    }

    /**
     * Zeros of the shape and dtype of another tensor.
     *
     * @param like the other tensor
     * @return the tensor
     */
    public static Tensor zerosLike(Tensor like) {
        Arguments.usable("zerosLike", like);
        return Tensor.full(0, like.dtype(), like.shape());
    }

    /**
     * Ones of the shape and dtype of another tensor.
     *
     * @param like the other tensor
     * @return the tensor
     */
    public static Tensor onesLike(Tensor like) {
        Arguments.usable("onesLike", like);
        return Tensor.full(1, like.dtype(), like.shape());
    }

    /** An F32 vector of values by index, which no array need hold as a whole. */
    private static Tensor floats(int count, IntToDoubleFunction value) {
        return inPieces(DType.F32, count, (from, length) -> {
            float[] values = new float[length];
            for (int i = 0; i < length; i++) {
                values[i] = (float) value.applyAsDouble((int) (from + i));
            }
            return MemorySegment.ofArray(values);
        });
    }

    /** An I64 vector of values by index, which no array need hold as a whole. */
    static Tensor longs(long count, LongUnaryOperator value) {
        return inPieces(DType.I64, count, (from, length) -> MemorySegment.ofArray(LongStream.range(from, from + length).map(value).toArray()));
    }

    private static Tensor inPieces(DType dtype, long count, BiFunction<Long, Integer, MemorySegment> piece) {
        Tensor vector = Tensor.empty(dtype, Shape.of(count));
        for (long from = 0; from < count; from += PIECE) {
            int length = (int) Math.min(PIECE, count - from);
            vector.alias(Shape.of(length), new long[] {1}, from).upload(piece.apply(from, length));
        }
        return vector;
    }

    /** Keeps one side of a diagonal of each matrix, including the diagonal. */
    static Tensor triangle(String operation, Tensor x, long diagonal, boolean lower) {
        Arguments.usable(operation, x);
        if (x.rank() < 2) {
            throw new ShapeException("[%s] needs a matrix in the last two axes, not %s".formatted(operation, x.shape()));
        }
        long rows = x.size(-2);
        long columns = x.size(-1);
        // All diagonals beyond a corner select the same elements.
        long bounded = Math.max(-rows - 1, Math.min(columns + 1, diagonal));
        Tensor row = longs(rows, i -> i + bounded).unsqueeze(1);
        Tensor column = longs(columns, i -> i);
        return Tensor.where(lower ? column.le(row) : column.ge(row), x, Tensor.scalar(0, x.dtype()));
    }
}

package kept.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.stream.IntStream;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * A matrix whose rows consist of blocks of {@value #BLOCK} elements that share a scale, as in {@code q8_0} of GGUF files: element (i, j) is
 * {@code scales[i, j / 32] (codes[i, j] - 128)}. It takes 8.5 bits for each element.
 *
 * @param codes {@code [out, in]}, U8, contiguous: signed bytes of {@link BlockQuantizer}, plus {@value #ZERO}
 * @param scales {@code [out, in / 32]}, F16, contiguous
 */
public record BlockMatrix(Tensor codes, Tensor scales) {
    /** Elements per block. */
    public static final int BLOCK = BlockQuantizer.BLOCK;
    /** The code of 0. */
    public static final int ZERO = 128;

    private static final String OPERATION = "block matrix";
    /** The number of elements that are quantised at a time. */
    private static final long SLAB = 1 << 20;
    /** The number of blocks that a thread quantises at a time. */
    private static final int PART = 1 << 10;

    /**
     * Checks types and shapes.
     *
     * @throws ShapeException if the shapes do not match, or a tensor is not contiguous
     * @throws DTypeException if codes are not U8, or scales not F16
     */
    public BlockMatrix {
        Arguments.usable(OPERATION, codes, scales);
        requireType("codes", codes, DType.U8);
        requireType("scales", scales, DType.F16);
        if (codes.rank() != 2 || scales.rank() != 2 || scales.size(0) != codes.size(0) || scales.size(1) * BLOCK != codes.size(1)
                || !codes.isContiguous() || !scales.isContiguous()) {
            throw new ShapeException("[%s] needs contiguous codes [out, in] and scales [out, in / %d], not %s and %s"
                    .formatted(OPERATION, BLOCK, codes.shape(), scales.shape()));
        }
    }

    private static void requireType(String name, Tensor tensor, DType type) {
        if (tensor.dtype() != type) {
            throw new DTypeException("[%s] %s are %s, not %s".formatted(OPERATION, name, type.label(), tensor.dtype().label()));
        }
    }

    /**
     * Whether the rows of a matrix consist of whole blocks.
     *
     * @param shape the shape of a tensor
     * @return whether it is a matrix that can be quantised
     */
    public static boolean fits(Shape shape) {
        return shape.rank() == 2 && shape.size(1) % BLOCK == 0;
    }

    /**
     * Quantises a matrix. The result is owned by the current scope and on its device, wherever the matrix is.
     *
     * @param matrix {@code [out, in]}, floating; in is a multiple of {@value #BLOCK}
     * @return its blocks; empty if one cannot be stored, because an element is not finite or above 8.3 million
     * @throws ShapeException if it is no matrix of whole blocks
     */
    public static Optional<BlockMatrix> quantize(Tensor matrix) {
        Arguments.usable(OPERATION, matrix);
        if (!fits(matrix.shape())) {
            throw new ShapeException("[%s] needs a matrix with rows of whole blocks of %d elements, not %s"
                    .formatted(OPERATION, BLOCK, matrix.shape()));
        }
        long columns = matrix.size(1);
        long rows = matrix.size(0);
        long slab = Math.max(1, SLAB / Math.max(1, columns));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment codes = arena.allocate(rows * columns);
            MemorySegment scales = arena.allocate(rows * columns / BLOCK * Short.BYTES, Short.BYTES);
            for (long first = 0; first < rows; first += slab) {
                float[] values = values(matrix, first, Math.min(rows, first + slab));
                if (!quantize(values, codes, first * columns, scales)) {
                    return Optional.empty();
                }
            }
            return Optional.of(new BlockMatrix(Tensor.from(codes, DType.U8, Shape.of(rows, columns)),
                    Tensor.from(scales, DType.F16, Shape.of(rows, columns / BLOCK))));
        }
    }

    private static float[] values(Tensor matrix, long first, long end) {
        try (var _ = Scope.open(matrix.device())) {
            return matrix.detach().slice(0, first, end).toFloatArray();
        }
    }

    /** Quantises a slab, parts of it on all processors. */
    private static boolean quantize(float[] values, MemorySegment codes, long start, MemorySegment scales) {
        byte[] shifted = new byte[values.length];
        short[] halves = new short[values.length / BLOCK];
        boolean areStored = IntStream.range(0, Math.ceilDiv(halves.length, PART)).parallel()
                .allMatch(part -> quantize(values, part * PART, Math.min(halves.length, (part + 1) * PART), shifted, halves));
        if (areStored) {
            MemorySegment.copy(shifted, 0, codes, ValueLayout.JAVA_BYTE, start, shifted.length);
            MemorySegment.copy(halves, 0, scales, ValueLayout.JAVA_SHORT, start / BLOCK * Short.BYTES, halves.length);
        }
        return areStored;
    }

    private static boolean quantize(float[] values, int firstBlock, int endBlock, byte[] shifted, short[] halves) {
        for (int block = firstBlock; block < endBlock; block++) {
            int from = block * BLOCK;
            float scale = BlockQuantizer.quantize(values, from, shifted, from);
            if (Float.isNaN(scale)) {
                return false;
            }
            halves[block] = Float.floatToFloat16(scale);
            for (int i = from; i < from + BLOCK; i++) {
                shifted[i] += (byte) ZERO;
            }
        }
        return true;
    }

    /**
     * The shape of the matrix.
     *
     * @return {@code [out, in]}
     */
    public Shape shape() {
        return codes.shape();
    }

    /**
     * Some rows.
     *
     * @param first the first row
     * @param end the row after the last
     * @return a view of them
     */
    public BlockMatrix rows(long first, long end) {
        return new BlockMatrix(codes.slice(0, first, end), scales.slice(0, first, end));
    }

    /**
     * The numbers that the blocks stand for, each exactly.
     *
     * @return a new tensor {@code [out, in]}, F32
     */
    public Tensor widen() {
        try (var scope = Scope.open(codes.device())) {
            Tensor numbers = codes.cast(DType.F32).sub(ZERO).reshape(scales.size(0), scales.size(1), BLOCK);
            return scope.keep(numbers.mul(scales.cast(DType.F32).unsqueeze(2)).reshape(codes.shape()));
        }
    }
}

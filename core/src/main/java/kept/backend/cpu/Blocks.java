package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.BlockMatrix;
import kept.tensor.DType;

/**
 * Rows of a {@link BlockMatrix} in memory.
 *
 * @param codes the memory of the codes
 * @param firstCode the position of the first code
 * @param scales the memory of the scales, f16
 * @param firstScale the position of the first scale
 * @param k elements of a row
 */
record Blocks(MemorySegment codes, long firstCode, MemorySegment scales, long firstScale, int k) {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final int BLOCK = BlockMatrix.BLOCK;
    private static final byte ZERO = (byte) BlockMatrix.ZERO;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** As many codes as {@link #SPECIES} has lanes; with 128-bit vectors there are no such vectors, and codes are widened one by one. */
    private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * Byte.SIZE)));
    private static final boolean HAS_VECTORS = BYTES.length() == LANES;

    /**
     * The memory of a matrix.
     *
     * @param matrix a matrix of the CPU
     * @return where it is
     */
    static Blocks of(BlockMatrix matrix) {
        return new Blocks(Elements.segment(matrix.codes()), matrix.codes().offset(), Elements.segment(matrix.scales()), matrix.scales().offset(),
                Math.toIntExact(matrix.codes().size(1)));
    }

    /**
     * The rows from a row on.
     *
     * @param row the first
     * @return a view
     */
    Blocks from(int row) {
        return new Blocks(codes, index(row, 0), scales, firstScale + (long) row * (k / BLOCK), k);
    }

    /**
     * The position of a code.
     *
     * @param row its row
     * @param column its column
     * @return bytes from the beginning of the memory
     */
    long index(int row, int column) {
        return firstCode + (long) row * k + column;
    }

    /**
     * Widens the scales of the first rows, row after row.
     *
     * @param rows the number of rows
     * @param to receives them
     * @param at the index of the first
     */
    void scales(int rows, float[] to, int at) {
        Elements.widen(scales, DType.F16, firstScale, 1, to, at, rows * (k / BLOCK));
    }

    /**
     * The scale of an element.
     *
     * @param row its row
     * @param column its column
     * @return its block's scale
     */
    float scale(int row, int column) {
        return Elements.getFloat(scales, DType.F16, firstScale + (long) row * (k / BLOCK) + column / BLOCK);
    }

    /**
     * The matrix as the right operand of a product.
     *
     * @return its transpose, {@code [k, rows]}
     */
    Matrix transposed() {
        return new Matrix(codes, DType.F32, firstCode, 1, k, this);
    }

    /**
     * Widens elements to f32, exactly.
     *
     * @param index the position of the first one's code
     * @param count the number of elements
     * @param to receives them
     * @param at the index of the first
     */
    void widen(long index, int count, float[] to, int at) {
        int inBlock;
        for (int done = 0; done < count; done += inBlock) {
            long element = index + done - firstCode;
            inBlock = (int) Math.min(count - done, BLOCK - element % BLOCK);
            float scale = Elements.getFloat(scales, DType.F16, firstScale + element / BLOCK);
            widen(codes, index + done, inBlock, scale, to, at + done);
        }
    }

    /** Widens elements of one block. */
    private static void widen(MemorySegment segment, long index, int count, float scale, float[] to, int at) {
        int i = 0;
        if (HAS_VECTORS) {
            MemorySegment codes = NativeView.of(segment);
            for (; i <= count - LANES; i += LANES) {
                ByteVector signed = ByteVector.fromMemorySegment(BYTES, codes, index + i, ORDER).lanewise(VectorOperators.XOR, ZERO);
                ((FloatVector) signed.convertShape(VectorOperators.B2F, SPECIES, 0)).mul(scale).intoArray(to, at + i);
            }
        }
        for (; i < count; i++) {
            to[at + i] = (Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, index + i)) - BlockMatrix.ZERO) * scale;
        }
    }
}

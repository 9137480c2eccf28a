package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;

/**
 * The layout of a matrix in memory: element (i, j) has the index {@code offset + i * rowStride + j * columnStride} in the segment. The elements of a
 * matrix in blocks are codes there, and only {@link #widen} gives their values.
 *
 * @param data native memory
 * @param type a floating type; of a matrix in blocks, that of its values
 * @param offset the index of element (0, 0), counted in elements
 * @param rowStride the distance between rows in elements
 * @param columnStride the distance between columns in elements
 * @param blocks the matrix that this one is a part of, if it is in blocks; else null
 */
record Matrix(MemorySegment data, DType type, long offset, long rowStride, long columnStride, Blocks blocks) {
    /**
     * A matrix of numbers.
     *
     * @param data native memory
     * @param type a floating type
     * @param offset the index of element (0, 0), counted in elements
     * @param rowStride the distance between rows in elements
     * @param columnStride the distance between columns in elements
     */
    Matrix(MemorySegment data, DType type, long offset, long rowStride, long columnStride) {
        this(data, type, offset, rowStride, columnStride, null);
    }

    /**
     * The transposed matrix: the same memory with the strides exchanged.
     *
     * @return a view
     */
    Matrix transposed() {
        return new Matrix(data, type, offset, columnStride, rowStride, blocks);
    }

    /**
     * A matrix with the same strides at another position.
     *
     * @param elements the distance of its element (0, 0), in elements
     * @return a view
     */
    Matrix shifted(long elements) {
        return elements == 0 ? this : new Matrix(data, type, offset + elements, rowStride, columnStride, blocks);
    }

    /**
     * The position of an element.
     *
     * @param row its row
     * @param column its column
     * @return its index in the segment, counted in elements
     */
    long index(long row, long column) {
        return offset + row * rowStride + column * columnStride;
    }

    /**
     * Reads a run as f32.
     *
     * @param index the index of the first element
     * @param stride the distance from one to the next in elements; 1 in blocks
     * @param to receives the f32
     * @param at the index of the first in the array
     * @param count the number of elements
     */
    void widen(long index, long stride, float[] to, int at, int count) {
        if (blocks == null) {
            Elements.widen(data, type, index, stride, to, at, count);
        } else {
            blocks.widen(index, count, to, at);
        }
    }
}

package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;

/**
 * Where the elements of a matrix lie: element (i, j) is number {@code offset + i * rowStride + j * columnStride} of the segment.
 *
 * @param data native memory
 * @param type a floating type
 * @param offset the number of element (0, 0), counted in elements
 * @param rowStride elements from a row to the next
 * @param columnStride elements from a column to the next
 */
record Matrix(MemorySegment data, DType type, long offset, long rowStride, long columnStride) {
    /**
     * The transposed matrix: the same memory with the strides exchanged.
     *
     * @return a view
     */
    Matrix transposed() {
        return new Matrix(data, type, offset, columnStride, rowStride);
    }

    /**
     * The same strides elsewhere.
     *
     * @param elements how much further element (0, 0) lies
     * @return a view
     */
    Matrix shifted(long elements) {
        return elements == 0 ? this : new Matrix(data, type, offset + elements, rowStride, columnStride);
    }

    /**
     * Where an element is.
     *
     * @param row its row
     * @param column its column
     * @return its number in the segment, counted in elements
     */
    long index(long row, long column) {
        return offset + row * rowStride + column * columnStride;
    }
}

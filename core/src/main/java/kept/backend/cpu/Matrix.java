package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;

/**
 * The layout of a matrix in memory: element (i, j) has the index {@code offset + i * rowStride + j * columnStride} in the segment.
 *
 * @param data native memory
 * @param type a floating type
 * @param offset the index of element (0, 0), counted in elements
 * @param rowStride the distance between rows in elements
 * @param columnStride the distance between columns in elements
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
     * A matrix with the same strides at another position.
     *
     * @param elements the distance of its element (0, 0), in elements
     * @return a view
     */
    Matrix shifted(long elements) {
        return elements == 0 ? this : new Matrix(data, type, offset + elements, rowStride, columnStride);
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
}

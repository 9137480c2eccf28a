package kept.linalg;

/**
 * A matrix of doubles, or a block of one: element (i, j) is {@code array[offset + i * stride + j]}. Blocks share their matrix's memory.
 *
 * @param array where the elements lie
 * @param offset where element (0, 0) lies
 * @param rows how many rows
 * @param columns how many columns
 * @param stride elements from a row to the next, at least {@code columns}
 */
public record DoubleMatrix(double[] array, int offset, int rows, int columns, int stride) {
    /**
     * Checks that all elements lie in the array.
     *
     * @throws IllegalArgumentException if they do not
     */
    public DoubleMatrix {
        long end = rows == 0 || columns == 0 ? 0 : offset + (rows - 1L) * stride + columns;
        if (rows < 0 || columns < 0 || offset < 0 || stride < columns || end > array.length) {
            throw new IllegalArgumentException("[linalg] %d x %d elements from %d on, with rows %d apart, do not lie in an array of %d".formatted(
                    rows, columns, offset, stride, array.length));
        }
    }

    /**
     * A new matrix of zeros.
     *
     * @param rows how many rows
     * @param columns how many columns
     * @return the matrix
     * @throws IllegalArgumentException if it has more elements than an array holds
     */
    public static DoubleMatrix zeros(int rows, int columns) {
        if ((long) rows * columns > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("[linalg] %d x %d elements are more than an array holds; take it in parts".formatted(rows, columns));
        }
        return new DoubleMatrix(new double[rows * columns], 0, rows, columns, columns);
    }

    /**
     * A block, in the same memory.
     *
     * @param fromRow its first row
     * @param toRow the row behind its last
     * @param fromColumn its first column
     * @param toColumn the column behind its last
     * @return the block
     * @throws IndexOutOfBoundsException if it does not lie in this matrix
     */
    public DoubleMatrix block(int fromRow, int toRow, int fromColumn, int toColumn) {
        if (fromRow < 0 || fromRow > toRow || toRow > rows || fromColumn < 0 || fromColumn > toColumn || toColumn > columns) {
            throw new IndexOutOfBoundsException("[linalg] rows %d to %d and columns %d to %d are no block of %d x %d".formatted(
                    fromRow, toRow, fromColumn, toColumn, rows, columns));
        }
        boolean empty = fromRow == toRow || fromColumn == toColumn;
        return new DoubleMatrix(array, empty ? 0 : index(fromRow, fromColumn), toRow - fromRow, toColumn - fromColumn, stride);
    }

    /**
     * Some rows, in the same memory.
     *
     * @param from the first
     * @param to the row behind the last
     * @return the block
     */
    public DoubleMatrix rows(int from, int to) {
        return block(from, to, 0, columns);
    }

    /**
     * Where an element lies.
     *
     * @param row its row
     * @param column its column
     * @return its index in the array
     */
    public int index(int row, int column) {
        return offset + row * stride + column;
    }

    /**
     * An element.
     *
     * @param row its row
     * @param column its column
     * @return its value
     */
    public double get(int row, int column) {
        return array[index(row, column)];
    }

    /**
     * Changes an element.
     *
     * @param row its row
     * @param column its column
     * @param value its new value
     */
    public void set(int row, int column, double value) {
        array[index(row, column)] = value;
    }

    /**
     * A copy with memory of its own.
     *
     * @return the copy, whose rows follow each other
     */
    public DoubleMatrix copy() {
        DoubleMatrix copy = zeros(rows, columns);
        for (int i = 0; i < rows; i++) {
            System.arraycopy(array, index(i, 0), copy.array, i * columns, columns);
        }
        return copy;
    }

    /**
     * Overwrites the first rows with floats, which lie row after row.
     *
     * @param values where the floats lie
     * @param from where the first of them lies
     * @param count how many rows
     * @return these rows, in the same memory
     */
    public DoubleMatrix fill(float[] values, int from, int count) {
        DoubleMatrix filled = rows(0, count);
        for (int i = 0; i < count; i++) {
            int to = index(i, 0);
            int start = from + i * columns;
            for (int j = 0; j < columns; j++) {
                array[to + j] = values[start + j];
            }
        }
        return filled;
    }
}

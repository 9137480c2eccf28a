package kept.linalg;

/**
 * A matrix of doubles, or a view of a block: element (i, j) is {@code array[offset + i * stride + j]}. Blocks share their matrix's memory.
 *
 * @param array the array of elements
 * @param offset the index of element (0, 0)
 * @param rows the number of rows
 * @param columns the number of columns
 * @param stride the distance between rows, at least {@code columns}
 */
public record DoubleMatrix(double[] array, int offset, int rows, int columns, int stride) {
    /**
     * Checks that all elements are within the array.
     *
     * @throws IllegalArgumentException if they do not
     */
    public DoubleMatrix {
        if (array == null) {
            throw new IllegalArgumentException("[linalg] the array is null");
        }
        long end = rows == 0 || columns == 0 ? 0 : offset + (rows - 1L) * stride + columns;
        if (rows < 0 || columns < 0 || offset < 0 || stride < columns || end > array.length) {
            throw new IllegalArgumentException("[linalg] %d x %d elements from %d on, with rows %d apart, do not lie in an array of %d".formatted(
                    rows, columns, offset, stride, array.length));
        }
    }

    /**
     * Creates a matrix of zeros.
     *
     * @param rows the number of rows
     * @param columns the number of columns
     * @return the matrix
     * @throws IllegalArgumentException if it has more elements than an array can hold
     */
    public static DoubleMatrix zeros(int rows, int columns) {
        if (rows < 0 || columns < 0 || (long) rows * columns > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("[linalg] %d x %d elements are negative or more than an array holds; take it in parts"
                    .formatted(rows, columns));
        }
        return new DoubleMatrix(new double[rows * columns], 0, rows, columns, columns);
    }

    /**
     * Returns a block that shares this matrix's memory.
     *
     * @param fromRow its first row
     * @param toRow the end of the rows, exclusive
     * @param fromColumn its first column
     * @param toColumn the end of the columns, exclusive
     * @return the block
     * @throws IndexOutOfBoundsException if it exceeds this matrix
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
     * Returns a block of rows that shares this matrix's memory.
     *
     * @param from the first
     * @param to the end, exclusive
     * @return the block
     */
    public DoubleMatrix rows(int from, int to) {
        return block(from, to, 0, columns);
    }

    /**
     * The array index of an element.
     *
     * @param row its row
     * @param column its column
     * @return its index in the array
     */
    public int index(int row, int column) {
        return offset + row * stride + column;
    }

    /**
     * Returns an element.
     *
     * @param row its row
     * @param column its column
     * @return its value
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public double get(int row, int column) {
        return array[checkedIndex(row, column)];
    }

    /**
     * Sets an element.
     *
     * @param row its row
     * @param column its column
     * @param value its new value
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public void set(int row, int column, double value) {
        array[checkedIndex(row, column)] = value;
    }

    private int checkedIndex(int row, int column) {
        if (row < 0 || row >= rows || column < 0 || column >= columns) {
            throw new IndexOutOfBoundsException("[linalg] no element (%d, %d) in %d x %d".formatted(row, column, rows, columns));
        }
        return index(row, column);
    }

    /** Whether this matrix and another share an element. */
    boolean overlaps(DoubleMatrix other) {
        if (array != other.array || rows == 0 || columns == 0 || other.rows == 0 || other.columns == 0) {
            return false;
        }
        if (stride != other.stride || stride == 0) {
            long end = offset + (rows - 1L) * stride + columns;
            long otherEnd = other.offset + (other.rows - 1L) * other.stride + other.columns;
            return offset < otherEnd && other.offset < end;
        }
        // For blocks of one matrix: the distance of their first elements in rows and columns, where columns may wrap around in both directions.
        int distance = other.offset - offset;
        int down = Math.floorDiv(distance, stride);
        int right = Math.floorMod(distance, stride);
        return right < columns && down < rows && -down < other.rows
                || stride - right < other.columns && down + 1 < rows && -(down + 1) < other.rows;
    }

    /**
     * Copies the matrix to its own memory.
     *
     * @return the copy, with contiguous rows
     */
    public DoubleMatrix copy() {
        DoubleMatrix copy = zeros(rows, columns);
        for (int i = 0; i < rows; i++) {
            System.arraycopy(array, index(i, 0), copy.array, i * columns, columns);
        }
        return copy;
    }

    /**
     * Fills the first rows with floats stored in row-major order.
     *
     * @param values the floats
     * @param from the index of the first float
     * @param count the number of rows
     * @return these rows, sharing this matrix's memory
     * @throws IndexOutOfBoundsException if floats or rows are missing
     */
    public DoubleMatrix fill(float[] values, int from, int count) {
        if (values == null || from < 0 || count < 0 || count > rows || from + (long) count * columns > values.length) {
            throw new IndexOutOfBoundsException("[linalg] %d rows of %d from %d on are not in %s floats or %d x %d"
                    .formatted(count, columns, from, values == null ? "null" : values.length, rows, columns));
        }
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

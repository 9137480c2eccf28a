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
     * A new matrix of zeros.
     *
     * @param rows how many rows
     * @param columns how many columns
     * @return the matrix
     * @throws IllegalArgumentException if it has more elements than an array holds
     */
    public static DoubleMatrix zeros(int rows, int columns) {
        if (rows < 0 || columns < 0 || (long) rows * columns > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("[linalg] %d x %d elements are negative or more than an array holds; take it in parts"
                    .formatted(rows, columns));
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
     * @throws IndexOutOfBoundsException if there is no such element
     */
    public double get(int row, int column) {
        return array[checkedIndex(row, column)];
    }

    /**
     * Changes an element.
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

    /** Whether an element of another matrix lies where one of this does. */
    boolean overlaps(DoubleMatrix other) {
        if (array != other.array || rows == 0 || columns == 0 || other.rows == 0 || other.columns == 0) {
            return false;
        }
        if (stride != other.stride || stride == 0) {
            long end = offset + (rows - 1L) * stride + columns;
            long otherEnd = other.offset + (other.rows - 1L) * other.stride + other.columns;
            return offset < otherEnd && other.offset < end;
        }
        // Blocks of one matrix: how many rows and columns the other's first element lies behind this one's, the columns counted both ways round.
        int distance = other.offset - offset;
        int down = Math.floorDiv(distance, stride);
        int right = Math.floorMod(distance, stride);
        return right < columns && down < rows && -down < other.rows
                || stride - right < other.columns && down + 1 < rows && -(down + 1) < other.rows;
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
     * @throws IndexOutOfBoundsException if the floats or the rows are not there
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

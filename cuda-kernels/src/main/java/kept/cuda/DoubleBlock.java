package kept.cuda;

/**
 * A row-major matrix of f64 in device memory, or a block of one.
 *
 * @param address device address of the first element
 * @param rows number of rows
 * @param columns number of columns
 * @param stride elements from one row to the next
 */
record DoubleBlock(long address, int rows, int columns, int stride) {
    /** Returns the block of some rows and columns, the ends exclusive. */
    DoubleBlock block(int fromRow, int toRow, int fromColumn, int toColumn) {
        return new DoubleBlock(address + ((long) fromRow * stride + fromColumn) * Double.BYTES, toRow - fromRow, toColumn - fromColumn, stride);
    }
}

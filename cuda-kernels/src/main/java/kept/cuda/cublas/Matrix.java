package kept.cuda.cublas;

/**
 * A column-major matrix, or a batch of them, in device memory.
 *
 * @param address of the first element
 * @param type the elements
 * @param leading elements from one column to the next
 * @param stride elements from one matrix of a batch to the next; 0 for one that all share
 * @param transposed whether an operand is used transposed; false for the result
 */
public record Matrix(long address, DataType type, int leading, long stride, boolean transposed) {}

package kept.cuda.cublas;

/**
 * A column-major matrix, or a batch of them, in device memory.
 *
 * @param address device address of the first element
 * @param type element type
 * @param leading leading dimension: elements from one column to the next
 * @param stride elements from one matrix of the batch to the next; 0 if the batch shares one matrix
 * @param transposed whether op is the transpose; false for the result
 */
public record Matrix(long address, DataType type, int leading, long stride, boolean transposed) {}

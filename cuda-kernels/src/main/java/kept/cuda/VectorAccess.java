package kept.cuda;

import kept.tensor.Tensor;

/** Decides whether a kernel may use memory accesses of 16 bytes. */
final class VectorAccess {
    /** Size of the widest memory access in bytes. */
    static final int BYTES = 16;

    private VectorAccess() {}

    /**
     * Returns the number of elements per access.
     *
     * @param tensor tensor whose dtype is accessed
     * @return elements per 16 bytes
     */
    static int elements(Tensor tensor) {
        return BYTES / tensor.dtype().bytes();
    }

    /**
     * Returns whether every row (innermost axis) of each tensor begins at a multiple of 16 bytes.
     *
     * @param tensors tensors with unit stride along the innermost axis; null is ignored
     * @return true if all rows are aligned
     */
    static boolean fits(Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (tensor == null) {
                continue;
            }
            if (Gpu.address(tensor) % BYTES != 0) {
                return false;
            }
            for (int axis = 0; axis < tensor.rank() - 1; axis++) {
                if (tensor.size(axis) > 1 && tensor.stride(axis) % elements(tensor) != 0) {
                    return false;
                }
            }
        }
        return true;
    }
}

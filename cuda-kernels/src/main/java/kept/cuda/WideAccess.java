package kept.cuda;

import kept.tensor.Tensor;

/** Whether a kernel may read and write 16 bytes at a time. */
final class WideAccess {
    /** The bytes of the widest access there is. */
    static final int BYTES = 16;

    private WideAccess() {}

    /**
     * Elements of a wide access.
     *
     * @param tensor of which dtype
     * @return how many
     */
    static int elements(Tensor tensor) {
        return BYTES / tensor.dtype().bytes();
    }

    /**
     * Whether every row of each tensor, that is its innermost axis, begins at a multiple of 16 bytes.
     *
     * @param tensors of unit stride along the innermost axis; null fits
     * @return whether all do
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

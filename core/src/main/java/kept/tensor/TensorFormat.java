package kept.tensor;

/** The readable form of a tensor. */
final class TensorFormat {
    private TensorFormat() {}

    static String format(Tensor tensor) {
        return tensor.dtype().label() + tensor.shape();
    }
}

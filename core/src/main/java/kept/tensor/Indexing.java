package kept.tensor;

/** Operations that pick or place elements of a {@link Tensor} by index, and that join tensors. */
public sealed interface Indexing permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();
}

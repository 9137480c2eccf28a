package kept.tensor;

/** Matrix products of {@link Tensor}s. */
public sealed interface Products permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();
}

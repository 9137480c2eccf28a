package kept.tensor;

/** Operations of a {@link Tensor} that turn many elements into one, along chosen axes, and the normalisations along an axis. */
public sealed interface Reductions permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();
}

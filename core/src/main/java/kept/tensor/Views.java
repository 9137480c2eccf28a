package kept.tensor;

/** Operations that give a {@link Tensor} another shape over the same memory, where strides allow it. */
public sealed interface Views permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();
}

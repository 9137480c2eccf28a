package kept.model;

import kept.tensor.Tensor;

/** Observes the residual stream before each norm of a decoder. */
@FunctionalInterface
public interface StreamObserver {
    /** Ignores everything. */
    StreamObserver NONE = (norm, stream) -> {};

    /**
     * Called during the forward pass; the stream may be freed after it returns.
     *
     * @param norm the norm's name in checkpoints, such as {@code model.layers.0.input_layernorm} or {@code model.norm}
     * @param stream the norm's input {@code [batch, sequence, hidden]}
     */
    void observe(String norm, Tensor stream);
}

package kept.model;

import kept.tensor.Tensor;

/** Is shown the residual stream as it enters each norm of a decoder. */
@FunctionalInterface
public interface StreamObserver {
    /** Looks at nothing. */
    StreamObserver NONE = (norm, stream) -> {};

    /**
     * Called during the forward pass; the stream may be gone once this returns.
     *
     * @param norm the norm's name in checkpoints, such as {@code model.layers.0.input_layernorm} or {@code model.norm}
     * @param stream its input {@code [batch, sequence, hidden]}
     */
    void observe(String norm, Tensor stream);
}

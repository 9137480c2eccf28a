package kept.nn;

import kept.tensor.Tensor;

/** The activation functions of feed-forward layers. */
public enum Activation {
    /** {@code x sigmoid(x)}, also called swish (Elfwing et al. 2017, arXiv 1702.03118). */
    SILU,
    /** {@code x Phi(x)} with the normal distribution's function Phi (Hendrycks and Gimpel 2016, arXiv 1606.08415). */
    GELU,
    /** The approximation of {@link #GELU} by a hyperbolic tangent, {@code x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))}. */
    GELU_TANH,
    /** {@code max(x, 0)}. */
    RELU,
    /** {@code max(x, 0)^2} (So et al. 2021, arXiv 2109.08668). */
    RELU_SQUARED;

    /**
     * Applies the function to each element.
     *
     * @param x floating
     * @return a tensor of x's shape and dtype
     */
    public Tensor apply(Tensor x) {
        return switch (this) {
            case SILU -> x.silu();
            case GELU -> x.gelu();
            case GELU_TANH -> x.geluTanh();
            case RELU -> x.relu();
            case RELU_SQUARED -> x.relu().square();
        };
    }
}

package kept.backend;

/** Elementwise functions of one operand. */
public enum Unary {
    /** {@code -x}. */
    NEGATE,
    /** {@code |x|}. */
    ABS,
    /** {@code e^x}. */
    EXP,
    /** The natural logarithm. */
    LOG,
    /** The square root. */
    SQRT,
    /** {@code 1 / sqrt(x)}. */
    RSQRT,
    /** The hyperbolic tangent. */
    TANH,
    /** {@code 1 / (1 + e^-x)}. */
    SIGMOID,
    /** {@code x * sigmoid(x)}. */
    SILU,
    /** {@code x * Phi(x)}, in the tanh approximation of Hendrycks and Gimpel (arXiv 1606.08415). */
    GELU,
    /** {@code max(x, 0)}; NaN stays NaN. */
    RELU
}

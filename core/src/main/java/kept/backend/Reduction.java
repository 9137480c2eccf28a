package kept.backend;

/** How the elements along reduced axes become one. */
public enum Reduction {
    /** Their sum, accumulated in f32 (integers: exactly, in 64 bits). */
    SUM,
    /** The largest; NaN if any is NaN. */
    MAXIMUM,
    /** The smallest; NaN if any is NaN. */
    MINIMUM
}

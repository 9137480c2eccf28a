package kept.backend;

/** Reductions of the elements along some axes to one. */
public enum Reduction {
    /** Their sum, accumulated in f32 (integers: exactly, in 64 bits). */
    SUM,
    /** The largest; NaN if any is NaN. */
    MAXIMUM,
    /** The smallest; NaN if any is NaN. */
    MINIMUM
}

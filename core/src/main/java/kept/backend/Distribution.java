package kept.backend;

/** Distributions of random numbers. */
public enum Distribution {
    /** Uniform on the half-open unit interval. */
    UNIFORM,
    /** Normal with mean 0 and standard deviation 1. */
    NORMAL
}

package kept.cuda.driver;

/** The units of a multiprocessor that execute instructions. */
public enum Pipe {
    /** Additions, multiplications and multiply-adds in f32, and packed ones in 16 bits. */
    FLOAT,
    /** Arithmetic in f64. */
    DOUBLE,
    /** Integer arithmetic, logic, shifts, comparisons and selections. */
    INTEGER,
    /** Exponentials, logarithms, reciprocals, roots, sines and cosines. */
    SPECIAL,
    /** Conversions of types. */
    CONVERSION,
    /** Loads, stores, atomics and copies of device and shared memory. */
    MEMORY,
    /** Shuffles, votes and matches among the lanes of a warp. */
    WARP,
    /** Products of the tensor cores. */
    TENSOR,
    /** Branches, barriers, waits and exits. */
    CONTROL
}

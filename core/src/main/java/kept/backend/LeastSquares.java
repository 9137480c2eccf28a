package kept.backend;

import kept.tensor.Tensor;

/**
 * Least squares in double precision over many tokens: predicts d from y, both {@code [tokens, width]}, by {@code d = C y}. It accumulates
 * {@code G = sum y y^T}, {@code D = sum y d^T} and {@code s = sum y}, factors {@code G + shift I = U^T U}, and solves. The sums stay where the device
 * computes; only results come to the host.
 *
 * <p>Rows that are added are F32, BF16 or F16, and exact in double precision. Products and sums are double precision throughout. Their order is the
 * device's own, so devices agree within the rounding errors of the sums times the condition of {@code G + shift I}; the same calls give the same bits
 * on one device. An instance is used by one thread at a time.
 */
public interface LeastSquares extends AutoCloseable {
    /** Removes all rows, so that the memory serves other equations. */
    void clear();

    /**
     * Adds rows. Not allowed between {@link #solve} and {@link #clear}.
     *
     * @param y what predicts, rows {@code [tokens, width]}, tokens 0 or more
     * @param d what is predicted, rows of y's shape
     */
    void add(Tensor y, Tensor d);

    /**
     * Copies the sums, to be added to those of other rows.
     *
     * @param sums overwritten with G, of which the elements left of the diagonal are not specified, D and s: F64 {@code [width (2 width + 1)]} on the
     *     CPU
     */
    void store(Tensor sums);

    /**
     * Replaces the sums, which allows the calls that {@link #clear} allows.
     *
     * @param sums as {@link #store} gives them
     */
    void load(Tensor sums);

    /**
     * The sum of G's diagonal.
     *
     * @return the trace
     */
    double trace();

    /**
     * Factors {@code G + shift I}; G is not changed.
     *
     * @param shift the value added to the diagonal
     * @throws kept.linalg.NotPositiveDefiniteException if the sum is not positive definite, with the first row whose pivot shows it; nothing may be
     *     solved then before another factorisation
     */
    void factor(double shift);

    /**
     * Solves for some channels of d, evenly spaced: channel {@code floor(q width / channels)} for each q. Needs a factorisation; D is not changed.
     *
     * @param channels how many, from 1 to the width
     */
    void fit(int channels);

    /**
     * Evaluates the last {@link #fit} on rows that need not have been added.
     *
     * @param y what predicts, rows {@code [tokens, width]}
     * @param d what is predicted, rows of y's shape
     */
    void evaluate(Tensor y, Tensor d);

    /**
     * The errors of the last {@link #fit}.
     *
     * @return sums over the fit's channels and all rows evaluated since the fit
     */
    Errors errors();

    /**
     * Solves for all channels of d and for the constant 1. Needs a factorisation; overwrites D and s, so that only {@link #clear} may follow.
     *
     * @return the solution
     */
    Solution solve();

    /**
     * Solves for some channels of d, and for the constant 1, otherwise as {@link #solve()} does, with the same bits.
     *
     * @param from the first channel
     * @param to the channel after the last
     * @return the solution, with the rows of these channels alone
     */
    Solution solve(int from, int to);

    /** Frees the memory. */
    @Override
    void close();

    /**
     * Errors of a fit.
     *
     * @param missed {@code sum |d - C y|^2}
     * @param all {@code sum |d + y|^2}
     */
    record Errors(double missed, double all) {}

    /**
     * A solution, rounded once to f32.
     *
     * @param matrix C {@code [width, width]}, or some of its rows, row-major: row i predicts channel i of d
     * @param constant w {@code [width]}: {@code w y} estimates the constant 1
     */
    record Solution(float[] matrix, float[] constant) {}
}

package kept.backend.cpu;

/**
 * The loops of the gradients of layer norm and RMSNorm over a row, with {@code n = (x - mean) rstd}, or {@code n = x rstd} where rows are not
 * centred, and {@code m = gradient * weight}. {@link NormRowsLoop} implements both.
 */
interface NormRows {
    /** Layer norm: rows are centred and have a bias. */
    NormRows CENTRED = of(true);
    /** RMSNorm. */
    NormRows PLAIN = of(false);

    private static NormRows of(boolean centred) {
        return Specialized.instance(NormRowsLoop.class, NormRows.class, centred);
    }

    /**
     * {@code sums[i] += gradient n}, and {@code sums[count + i] += gradient} where rows are centred.
     *
     * @param gradients the gradient
     * @param from x
     * @param count the row's elements
     * @param mean the row's mean
     * @param rstd the row's factor
     * @param sums the sums of the weight's gradient, then of the bias's
     */
    void addWeights(RowWindow gradients, RowWindow from, int count, float mean, float rstd, float[] sums);

    /**
     * {@code dx = rstd (m - average(m) - n average(m n))}, without {@code average(m)} where rows are not centred, and the sums of
     * {@link #addWeights}.
     *
     * @param gradients the gradient
     * @param from x
     * @param count the row's elements
     * @param mean the row's mean
     * @param rstd the row's factor
     * @param weights the weight
     * @param to dx; may be the gradient
     * @param sums the sums of the weight's gradient, then of the bias's
     */
    void differentiate(RowWindow gradients, RowWindow from, int count, float mean, float rstd, RowWindow weights, RowWindow to, float[] sums);
}

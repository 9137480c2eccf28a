package kept.training;

import kept.tensor.Tensor;

/** The rows of a batch's hidden states from which a loss is computed. */
final class LossRows {
    private LossRows() {}

    /**
     * Selects rows.
     *
     * @param hidden {@code [batch, sequence, width]}
     * @param rows their indices among {@code batch * sequence} rows {@code [n]}, I64
     * @return {@code [n, width]}
     */
    static Tensor of(Tensor hidden, Tensor rows) {
        return hidden.reshape(hidden.elementCount() / hidden.size(-1), hidden.size(-1)).embedding(rows);
    }
}

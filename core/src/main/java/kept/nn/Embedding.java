package kept.nn;

import kept.tensor.Tensor;

/** A row of a table for each token. Parameter: {@code weight}, {@code [vocabulary, width]}. */
public final class Embedding extends Module {
    private final Parameter weight;

    /**
     * A layer over a given table.
     *
     * @param weight {@code [vocabulary, width]}
     */
    public Embedding(Tensor weight) {
        this.weight = register("weight", weight);
    }

    /**
     * Looks rows up.
     *
     * @param tokens {@code [...]}, I32 or I64
     * @return {@code [..., width]}, of the weight's dtype
     * @throws kept.tensor.ShapeException if a token lies outside the table
     */
    public Tensor forward(Tensor tokens) {
        return weight.value().embedding(tokens);
    }

    /**
     * The table.
     *
     * @return the weight, {@code [vocabulary, width]}
     */
    public Parameter weight() {
        return weight;
    }
}

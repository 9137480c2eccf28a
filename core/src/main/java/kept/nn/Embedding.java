package kept.nn;

import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Looks up a row of a table for each token. Parameter: {@code weight}, {@code [vocabulary, width]}. */
public final class Embedding extends Layer {
    private final Parameter weight;

    /**
     * Creates the layer from a table.
     *
     * @param weight {@code [vocabulary, width]}
     * @throws ShapeException if it does not have two axes
     */
    public Embedding(Tensor weight) {
        this.weight = register("weight", weight);
        if (weight.rank() != 2) {
            throw new ShapeException("[embedding] the table must be [vocabulary, width], not " + weight.shape());
        }
    }

    /**
     * Looks up the rows of tokens.
     *
     * @param tokens {@code [...]}, I32 or I64
     * @return {@code [..., width]}, of the weight's dtype
     * @throws ShapeException if a token is negative or not below the vocabulary size
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

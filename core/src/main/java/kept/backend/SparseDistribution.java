package kept.backend;

import java.util.function.UnaryOperator;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * A distribution over a vocabulary for each row, of which only some tokens are known one by one. Tokens with probability 0 are placeholders, which
 * may occur again; the other tokens of a row are distinct, and with the rest their probabilities sum to 1.
 *
 * @param tokens {@code [n, k]}, I64, below the vocabulary
 * @param probabilities {@code [n, k]}, F32, of these tokens
 * @param rest {@code [n]}, F32, the probability of all other tokens together; 0 if these tokens stand for the whole distribution
 * @param entropies {@code [n]}, F32, in nats: what a cross-entropy exceeds the divergence by
 */
public record SparseDistribution(Tensor tokens, Tensor probabilities, Tensor rest, Tensor entropies) {
    private static final String NAME = "sparse distribution";

    /**
     * Checks that the tensors fit together.
     *
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if the tokens are not I64, or the other tensors not F32
     */
    public SparseDistribution {
        Arguments.usable(NAME, tokens, probabilities, rest, entropies);
        if (tokens.rank() != 2 || tokens.size(1) < 1 || !tokens.shape().equals(probabilities.shape()) || rest.rank() != 1
                || rest.size(0) != tokens.size(0) || !rest.shape().equals(entropies.shape())) {
            throw new ShapeException("[%s] needs tokens and probabilities [rows, k], rest and entropies [rows], not %s, %s, %s and %s".formatted(
                    NAME, tokens.shape(), probabilities.shape(), rest.shape(), entropies.shape()));
        }
        if (tokens.dtype() != DType.I64 || probabilities.dtype() != DType.F32 || rest.dtype() != DType.F32 || entropies.dtype() != DType.F32) {
            throw new DTypeException("[%s] needs tokens of i64 and other tensors of f32, not %s, %s, %s and %s".formatted(NAME,
                    tokens.dtype().label(), probabilities.dtype().label(), rest.dtype().label(), entropies.dtype().label()));
        }
    }

    /**
     * Applies a function to all tensors.
     *
     * @param function a function that keeps the number of tokens of a row
     * @return its results
     */
    public SparseDistribution map(UnaryOperator<Tensor> function) {
        return new SparseDistribution(function.apply(tokens), function.apply(probabilities), function.apply(rest), function.apply(entropies));
    }
}

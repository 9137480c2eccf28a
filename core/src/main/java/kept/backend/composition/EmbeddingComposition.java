package kept.backend.composition;

import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** The gradient of a table's rows: {@link kept.backend.FusedKernels#embeddingGradient}. */
public final class EmbeddingComposition {
    private EmbeddingComposition() {}

    /**
     * {@code out[index[i], :] += gradient[i, :]}.
     *
     * @param gradient {@code [n, width]}, F32
     * @param index {@code [n]}, I32 or I64
     * @param out accumulates; {@code [vocabulary, width]}, F32
     * @throws ShapeException if an index lies outside out
     */
    public static void gradient(Tensor gradient, Tensor index, Tensor out) {
        for (long row : index.toLongArray()) {
            if (row < 0 || row >= out.size(0)) {
                throw new ShapeException("[embeddingGradient] index %d lies outside 0 to %d".formatted(row, out.size(0) - 1));
            }
        }
        try (var _ = Scope.open(out.device())) {
            out.backend().scatterAdd(gradient, 0, index.unsqueeze(1).expand(gradient.shape()), out);
        }
    }
}

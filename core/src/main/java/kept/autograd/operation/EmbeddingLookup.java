package kept.autograd.operation;

import java.util.Arrays;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Looks up rows of a table by index; each row's gradient is the sum over its occurrences. */
public final class EmbeddingLookup extends Operation {
    private Shape table;
    private SavedTensor indices;

    /** Creates the operation, for a table and an index. */
    public EmbeddingLookup() {}

    @Override
    protected String name() {
        return "embedding";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        table = inputs[0].shape();
        Tensor index = inputs[1];
        indices = saved("its index", index);
        Operands.checkFloating(name(), inputs[0]);
        Operands.checkIndex(name(), index);
        if (table.rank() != 2) {
            throw new ShapeException("[embedding] the table must be [vocabulary, width], not " + table);
        }
        long[] dimensions = Arrays.copyOf(index.shape().toArray(), index.rank() + 1);
        dimensions[index.rank()] = table.size(1);
        Tensor out = Tensor.empty(inputs[0].dtype(), Shape.of(dimensions));
        try (var _ = Scope.open()) {
            out.backend().embedding(Operands.rows(inputs[0]), flat(index), Operands.reshaped(out, rowsShape()));
        }
        return out;
    }

    private Shape rowsShape() {
        return Shape.of(indices.unchecked().elementCount(), table.size(1));
    }

    private static Tensor flat(Tensor index) {
        return Operands.rows(Operands.reshaped(index, Shape.of(index.elementCount())));
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor rows = Operands.rows(Operands.reshaped(gradient, rowsShape()));
        GradientSum sum = GradientSum.of(gradients, 0, table, gradient.dtype());
        rows.backend().embeddingGradient(rows, flat(indices.value()), sum.tensor());
        sum.deliver();
    }
}

package kept.mapping;

import java.util.HashMap;
import java.util.Map;
import kept.model.Weights;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The parameters of a mapping's target, made from the source's on demand. */
public final class MappedWeights implements Weights {
    private final Map<String, TensorMapping> rows = new HashMap<>();
    private final Weights source;

    /**
     * Weights of a target.
     *
     * @param mapping the table
     * @param source the parameters of the source model
     */
    public MappedWeights(Mapping mapping, Weights source) {
        mapping.rows().forEach(row -> rows.put(row.target(), row));
        this.source = source;
    }

    @Override
    public Tensor get(String name, Shape shape) {
        TensorMapping row = rows.get(name);
        if (row == null || !row.shape().equals(shape)) {
            throw new MappingException("[mapping] no row gives %s %s".formatted(name, shape));
        }
        return switch (row.transform()) {
            case COPY, NORM_WEIGHT -> source.get(row.sources().getFirst(), shape);
        };
    }
}

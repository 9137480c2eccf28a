package kept.mapping;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import kept.model.ModelTensor;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The parameters of a mapping's target, computed from the source's on demand. */
public final class MappedWeights implements Weights {
    private final Map<String, TensorMapping> rows = new HashMap<>();
    private final Map<String, Shape> shapes = new HashMap<>();
    private final Weights source;
    private final DType dtype;
    private final DType defaultType;

    /**
     * Weights of a target.
     *
     * @param mapping the table
     * @param source the parameters of the source model, in any floating dtype, and the measured tensors ({@link Mapping#sources})
     * @param dtype the dtype of the target's tensors; null for that of each tensor's first source
     */
    public MappedWeights(Mapping mapping, Weights source, DType dtype) {
        mapping.rows().forEach(row -> rows.put(row.target(), row));
        ModelTensor.of(mapping.source()).forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
        mapping.measured().forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
        this.source = source;
        this.dtype = dtype;
        this.defaultType = mapping.target().dtype();
    }

    @Override
    public Tensor get(String name, Shape shape) {
        TensorMapping row = rows.get(name);
        if (row == null || !row.shape().equals(shape)) {
            throw new MappingException("[mapping] no row gives %s %s".formatted(name, shape));
        }
        try (var scope = Scope.open()) {
            List<Tensor> sources = row.sources().stream().map(tensor -> source.get(tensor, shapes.get(tensor))).toList();
            DType first = sources.isEmpty() ? defaultType : sources.getFirst().dtype();
            Transform transform = row.transform();
            List<Tensor> inputs = transform.isVerbatim() ? sources : sources.stream().map(tensor -> tensor.cast(DType.F32)).toList();
            Tensor target = transform.apply(inputs, shape);
            return scope.keep(target.cast(dtype == null ? first : dtype));
        }
    }
}

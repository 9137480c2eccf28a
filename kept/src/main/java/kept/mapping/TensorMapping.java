package kept.mapping;

import java.util.List;
import java.util.stream.Stream;
import kept.model.ModelTensor;
import kept.tensor.Shape;

/**
 * One row of a mapping: the sources of one tensor of the target, and its computation.
 *
 * @param target the tensor's name in the target checkpoint
 * @param shape its shape
 * @param sources the names of the tensors it is computed from
 * @param transform its computation
 * @param reason the reason that it is right, for the report
 */
public record TensorMapping(String target, Shape shape, List<String> sources, Transform transform, String reason) {
    /** Makes the list of sources immutable. */
    public TensorMapping {
        sources = List.copyOf(sources);
    }

    /** A row of a tensor of the target. */
    static TensorMapping of(ModelTensor target, Transform transform, String reason, Object... sources) {
        return new TensorMapping(target.name(), target.shape(), Stream.of(sources).map(Object::toString).toList(), transform, reason);
    }
}

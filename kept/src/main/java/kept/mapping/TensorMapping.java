package kept.mapping;

import java.util.List;
import java.util.stream.Stream;
import kept.model.ModelTensor;
import kept.tensor.Shape;

/**
 * One row of a mapping: where one tensor of the target comes from.
 *
 * @param target the tensor's name in the target checkpoint
 * @param shape its shape
 * @param sources the names of the source's tensors it is made of
 * @param transform how it is made
 * @param reason why that is right, for the report
 */
public record TensorMapping(String target, Shape shape, List<String> sources, Transform transform, String reason) {
    /** Fixes the sources. */
    public TensorMapping {
        sources = List.copyOf(sources);
    }

    /** A row of a tensor of the target. */
    static TensorMapping of(ModelTensor target, Transform transform, String reason, Object... sources) {
        return new TensorMapping(target.name(), target.shape(), Stream.of(sources).map(Object::toString).toList(), transform, reason);
    }
}

package kept.mapping;

import java.util.List;
import java.util.function.Predicate;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorRole;

/**
 * A tensor of the source without a counterpart in the target.
 *
 * @param source the tensor's name in the source checkpoint
 * @param reason why it can or must be left out
 */
public record DroppedTensor(String source, String reason) {
    /** All biases of a model's norms. */
    static List<DroppedTensor> normBiases(DecoderConfig source, String reason) {
        return of(source, role -> role.isNorm() && role.isBias(), reason);
    }

    /** All tensors of some roles. */
    static List<DroppedTensor> of(DecoderConfig source, Predicate<TensorRole> roles, String reason) {
        return ModelTensor.of(source).stream().filter(tensor -> roles.test(tensor.role()))
                .map(tensor -> new DroppedTensor(tensor.name(), reason)).toList();
    }
}

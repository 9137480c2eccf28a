package kept.training;

import java.util.Optional;
import kept.model.Decoder;
import kept.tensor.Tensor;

/** The loss that training minimises. */
public interface TrainingObjective {
    /**
     * Computes the loss of a batch, recorded for differentiation with respect to the model's trainable parameters.
     *
     * @param model the model in training
     * @param batch the sequences
     * @return the loss
     */
    Loss loss(Decoder model, TrainingBatch batch);

    /**
     * Computes the loss of some tokens of a batch. The model still reads all tokens.
     *
     * @param model the model in training
     * @param batch the sequences
     * @param rows the indices of the labels to predict {@code [n]}, I64
     * @return the loss, a mean over these
     * @throws TrainingException if this objective takes the loss of all tokens
     */
    default Loss loss(Decoder model, TrainingBatch batch, Tensor rows) {
        throw new TrainingException("[training] this loss is on all tokens, not on the assistant's only: use --loss-on all");
    }

    /**
     * Looks for NaN or infinity in the objective's own tensors, such as those of a teacher, after the loss was not finite.
     *
     * @param ids the token ids of the batch {@code [batch, sequence]}
     * @return in words; nothing if it is not at fault
     */
    default Optional<String> nonFinite(Tensor ids) {
        return Optional.empty();
    }

    /**
     * A batch's loss.
     *
     * @param value the scalar to differentiate, a mean over tokens in nats
     * @param divergence the mean divergence from a teacher in nats per token; NaN without a teacher
     */
    record Loss(Tensor value, double divergence) {}
}

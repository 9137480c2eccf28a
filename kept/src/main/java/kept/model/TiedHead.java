package kept.model;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.io.CheckpointException;

/** A head of its own in the files of a model whose config.json ties the head to the embedding. */
final class TiedHead {
    private static final String HEAD = TensorName.of(TensorRole.HEAD).toString();
    private static final String EMBEDDING = TensorName.of(TensorRole.EMBEDDING).toString();

    private TiedHead() { }

    /**
     * Whether the files hold a head that is not the embedding. What {@code torch.save} writes of a tied model holds the same values twice; where they
     * differ, the head is a head of its own, as transformers 5 has it.
     *
     * @param directory the checkpoint's
     * @return true if both are there and differ; false where there are no weights, or none that can be read, which is told by who opens them
     */
    static boolean differs(Path directory) {
        try (var checkpoint = Checkpoint.open(directory)) {
            return checkpoint.contains(HEAD) && checkpoint.contains(EMBEDDING)
                && (!checkpoint.entry(HEAD).shape().equals(checkpoint.entry(EMBEDDING).shape())
                    || checkpoint.entry(HEAD).dtype() != checkpoint.entry(EMBEDDING).dtype()
                    || checkpoint.data(HEAD).mismatch(checkpoint.data(EMBEDDING)) != -1);
        } catch (CheckpointException e) {
            return false;
        }
    }
}

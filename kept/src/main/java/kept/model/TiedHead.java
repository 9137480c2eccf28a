package kept.model;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;

/** Detects a separate head in the files of a model whose config.json ties the head to the embedding. */
final class TiedHead {
    private static final String HEAD = TensorName.of(TensorRole.HEAD).toString();
    private static final String EMBEDDING = TensorName.of(TensorRole.EMBEDDING).toString();

    private TiedHead() { }

    /**
     * Whether the files contain a head that differs from the embedding. {@code torch.save} stores both names of a tied tensor with equal values; if
     * they differ, the head is separate, as in transformers 5.
     *
     * @param directory the checkpoint's
     * @return true if both exist and differ; false if there are no readable weights, which is reported when they are opened
     */
    static boolean differs(Path directory) {
        try (var checkpoint = Checkpoint.open(directory)) {
            return checkpoint.contains(HEAD) && checkpoint.contains(EMBEDDING)
                && (!checkpoint.entry(HEAD).shape().equals(checkpoint.entry(EMBEDDING).shape())
                    || checkpoint.entry(HEAD).dtype() != checkpoint.entry(EMBEDDING).dtype()
                    || checkpoint.data(HEAD).mismatch(checkpoint.data(EMBEDDING)) != -1);
        } catch (FileException e) {
            return false;
        }
    }
}

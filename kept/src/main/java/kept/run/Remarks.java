package kept.run;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.model.ConfigRemarks;

/** Tells what is unusual about a checkpoint that is read. */
public final class Remarks {
    private Remarks() {}

    /**
     * Tells of its configuration and of its weights.
     *
     * @param progress receives the notes
     * @param directory the checkpoint's
     * @param checkpoint its weights
     */
    public static void tell(Progress progress, Path directory, Checkpoint checkpoint) {
        ConfigRemarks.of(directory).forEach(remark -> progress.remark("note: " + remark));
        tell(progress, checkpoint);
    }

    /** Tells of its weights alone. */
    static void tell(Progress progress, Checkpoint checkpoint) {
        checkpoint.remarks().forEach(remark -> progress.remark("note: " + remark));
    }
}

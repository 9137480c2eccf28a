package kept;

import java.io.PrintWriter;
import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.model.ConfigRemarks;

/** Tells what is unusual about a checkpoint that is read. */
final class Remarks {
    private Remarks() {}

    /**
     * Tells of its configuration and of its weights.
     *
     * @param err where to
     * @param directory the checkpoint's
     * @param checkpoint its weights
     */
    static void tell(PrintWriter err, Path directory, Checkpoint checkpoint) {
        ConfigRemarks.of(directory).forEach(remark -> err.println("note: " + remark));
        tell(err, checkpoint);
    }

    /** Tells of its weights alone. */
    static void tell(PrintWriter err, Checkpoint checkpoint) {
        checkpoint.remarks().forEach(remark -> err.println("note: " + remark));
    }
}

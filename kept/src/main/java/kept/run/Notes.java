package kept.run;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.model.ConfigNotes;

/** Reports what is unusual about a checkpoint that is read. */
public final class Notes {
    private Notes() {}

    /**
     * Reports on its configuration and its weights.
     *
     * @param progress receives the notes
     * @param directory the checkpoint's
     * @param checkpoint its weights
     */
    public static void report(Progress progress, Path directory, Checkpoint checkpoint) {
        ConfigNotes.of(directory).forEach(note -> progress.note("note: " + note));
        report(progress, checkpoint);
    }

    /** Reports on its weights alone, and on an adapter that lies beside them. */
    static void report(Progress progress, Checkpoint checkpoint) {
        checkpoint.notes().forEach(note -> progress.note("note: " + note));
        if (AdapterFiles.areIn(checkpoint.directory())) {
            progress.note(("note: %s is the base of an adapter, which is not read: what was trained is missing; "
                    + "distill --lora-output merged writes both as one").formatted(checkpoint.directory()));
        }
    }
}

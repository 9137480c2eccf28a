package kept.io;

import java.nio.file.Files;
import java.nio.file.Path;

/** What an output directory holds. It is replaced only by an output of its kind: either may be the work of days. */
public enum OutputKind {
    /** A model, with the records of how it was made. */
    CHECKPOINT("a checkpoint", "config.json"),
    /** A teacher's logits on a text. */
    RECORDING("a recording of logits", "recording.json");

    private final String description;
    private final String file;

    OutputKind(String description, String file) {
        this.description = description;
        this.file = file;
    }

    /** Rejects a directory of another kind. */
    void requireOf(Path path, Path target) {
        for (OutputKind other : values()) {
            if (other != this && !Files.exists(target.resolve(file)) && Files.exists(target.resolve(other.file))) {
                throw new FileException(DirectoryPlacement.OPERATION, path, "holds %s, which %s does not replace; choose another directory, or "
                    .formatted(other.description, description) + "delete that yourself");
            }
        }
    }
}

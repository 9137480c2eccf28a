package kept.run;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import kept.checkpoint.Checkpoint;
import kept.mapping.GivenStudent;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.RecordedWeights;
import kept.model.Weights;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;

/** The weights of a given student, which stay open during a run; none where a mapping makes the student. */
final class GivenCheckpoint implements AutoCloseable {
    /** Texts that tokenizers of different vocabularies encode to different ids. */
    private static final List<String> PROBES = List.of(
            "The quick brown fox jumps over 13 lazy dogs.", "Stra\u00dfe, na\u00efve, \u03a9\u03bc\u03ad\u03b3\u03b1", "\u6771\u4eac\u90fd",
            "for (int i = 0;)");

    /** Null where a mapping makes the student. */
    private final Checkpoint checkpoint;
    private final RecordedWeights weights;

    private GivenCheckpoint(Checkpoint checkpoint) {
        this.checkpoint = checkpoint;
        this.weights = checkpoint == null ? null : new RecordedWeights(checkpoint);
    }

    /**
     * Opens the weights of a student and checks that they belong to its config.json and, if it has a tokenizer, that this is the teacher's.
     *
     * @param choice names the student's directory, or a mapping
     * @param table of the choice
     * @param tokenizer the teacher's
     * @param progress receives notes about the student
     */
    static GivenCheckpoint open(MappingChoice choice, Mapping table, Tokenizer tokenizer, Progress progress) {
        Path directory = choice.student();
        if (directory == null) {
            return new GivenCheckpoint(null);
        }
        requireSame(tokenizer, directory);
        var given = new GivenCheckpoint(Checkpoint.open(directory));
        try {
            CheckpointWeights.requireTensors(given.checkpoint, table.target());
            Notes.report(progress, directory, given.checkpoint);
            return given;
        } catch (RuntimeException e) {
            given.close();
            throw e;
        }
    }

    private static void requireSame(Tokenizer teachers, Path directory) {
        if (!TokenizerFiles.isPresent(directory)) {
            return;
        }
        try (Tokenizer students = Tokenizer.load(directory)) {
            for (String text : PROBES) {
                if (!Arrays.equals(teachers.encode(text), students.encode(text))) {
                    throw new RunException(("[student] the tokenizer of %s gives '%s' other ids than the teacher's: "
                            + "a student predicts the teacher's tokens").formatted(directory, text));
                }
            }
        }
    }

    /** Whether there is a given student. */
    boolean isPresent() {
        return checkpoint != null;
    }

    /** Its tensors by the names of its table's rows. */
    Weights sources() {
        return GivenStudent.sources(weights);
    }

    /** The checksums of the tensors read so far, by their names. */
    Map<String, String> checksums() {
        return weights.checksums();
    }

    /** Identifies the contents of the student's checkpoint. */
    String fingerprint() {
        return checkpoint.fingerprint();
    }

    @Override
    public void close() {
        if (checkpoint != null) {
            checkpoint.close();
        }
    }
}

package kept;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.corpus.PackedTokens;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;

/** Where students start: what a mapping makes of a teacher, after it has measured what it needs on the text to be distilled on, or on the user's. */
final class StudentStart {
    private final Program program;
    private final Path teacher;
    private final Checkpoint checkpoint;
    private final PackedTokens text;
    private final long from;
    private final Device device;

    /**
     * What all starts have in common.
     *
     * @param program tells progress
     * @param teacher its directory
     * @param checkpoint its weights
     * @param text what a mapping measures on if the user has named nothing
     * @param from the first token of the text that may be measured on: those before it are held out
     * @param device where to compute
     */
    StudentStart(Program program, Path teacher, Checkpoint checkpoint, PackedTokens text, long from, Device device) {
        this.program = program;
        this.teacher = teacher;
        this.checkpoint = checkpoint;
        this.text = text;
        this.from = from;
        this.device = device;
    }

    /** The student's weights by a mapping; they may be read as long as what was measured is there. */
    Weights weights(MeasuredMapping mapping, DType dtype) {
        try (var interruption = new Interruption()) {
            Weights measured = mapping.measure(checkpoint, teacher, text, from, device, interruption);
            return new MappedWeights(mapping.table(), mapping.sources(checkpoint, measured), dtype);
        }
    }

    /**
     * Makes the student of another mapping as the demo shows it, judges it, and forgets it.
     *
     * @param name the mapping's
     * @param stored what its weights are rounded to; null for the teacher's type
     * @param stages takes the judgement
     */
    void judge(String name, DType stored, Stages stages) {
        try (var directory = new TemporaryDirectory("kept-calibration")) {
            var options = MappingOptions.of(name, Demo.CALIBRATION_TOKENS);
            var mapping = new MeasuredMapping(program, options, DecoderConfig.read(teacher), directory.path(), ResumeOptions.of(false));
            long begun = System.nanoTime();
            Mapping table = mapping.table();
            try (Decoder student = Decoder.create(table.target(), weights(mapping, stored), device)) {
                stages.judge(name, (System.nanoTime() - begun) / 1e9, student);
            }
        }
    }
}

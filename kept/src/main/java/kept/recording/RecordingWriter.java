package kept.recording;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.IntPredicate;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.evaluation.TextEvaluation;
import kept.io.AtomicFiles;
import kept.mapping.NormProbe;
import kept.model.Decoder;
import kept.model.HostCopy;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.weights.TensorSpec;

/** Computes a teacher's logits and writes the files of a recording, each completely or not at all. */
public final class RecordingWriter {
    private final Path directory;
    private final RecordingLayout layout;
    private final Decoder teacher;
    private final LogitRecorder recorder;
    private final int batch;

    /**
     * A writer of a recording's files.
     *
     * @param directory where to
     * @param layout what each file has
     * @param teacher the teacher, which stays open
     * @param recorder takes what is kept
     * @param batch the sequences that the teacher processes at a time
     */
    public RecordingWriter(Path directory, RecordingLayout layout, Decoder teacher, LogitRecorder recorder, int batch) {
        this.directory = directory;
        this.layout = layout;
        this.teacher = teacher;
        this.recorder = recorder;
        this.batch = batch;
    }

    /**
     * Records the sequences of a file, unless it is told to stop before.
     *
     * @param file its number
     * @param goesOn receives the number of sequences whose logits are computed, some at a time; once it returns false, no file is written
     * @param ids token ids {@code [sequences, length + 1]}, the last of each only a label
     * @throws RecordingException if the teacher's logits are not finite
     * @throws kept.io.FileException if the file cannot be written
     */
    public void write(int file, IntPredicate goesOn, int... ids) {
        int sequences = layout.sequencesOf(file);
        int length = layout.length();
        TokenRows rows = null;
        for (int first = 0; first < sequences; first += batch) {
            int count = Math.min(batch, sequences - first);
            int from = first;
            TokenRows some = Autograd.withoutRecording(() -> {
                try (var _ = Scope.open(teacher.device())) {
                    Tensor input = Tensor.of(inputs(from, count, ids), count, length);
                    return recorder.rows(new FactoredLogits(teacher.hidden(input), teacher.headWeight()), (layout.first(file) + from) * length);
                }
            });
            rows = rows == null ? some : rows.and(some);
            if (!goesOn.test(from + count)) {
                return;
            }
        }
        RecordedFile.write(directory.resolve(RecordingLayout.fileName(file)), layout.form(), layout.vocabulary(), rows);
    }

    /** Without the last token of each sequence. */
    private int[] inputs(int first, int count, int... ids) {
        int length = layout.length();
        int[] inputs = new int[count * length];
        for (int row = 0; row < count; row++) {
            System.arraycopy(ids, (first + row) * (length + 1), inputs, row * length, length);
        }
        return inputs;
    }

    /**
     * Records the hidden states of a held-out text, and what its norms look like.
     *
     * @param number the text's number
     * @param text the text
     * @throws kept.io.FileException if the file cannot be written
     */
    public void writeHeldOut(int number, TextEvaluation text) {
        var probe = new NormProbe(teacher);
        int norms = 2 * probe.biasOverWeight().size();
        DType type = hiddenType(text);
        Shape shape = Shape.of(text.sequences(), text.length(), teacher.config().hiddenSize());
        List<TensorSpec> specs = List.of(new TensorSpec(Recording.HIDDEN, type, shape),
                new TensorSpec(Recording.NORMS, DType.F64, Shape.of(text.sequences(), norms)));
        try (var writer = SafetensorsWriter.createWithChecksums(directory.resolve(RecordingLayout.heldOutName(number)), specs, Map.of())) {
            text.forEachInput(teacher.device(), ids ->
                    HostCopy.with(probe.observe(ids), type, bytes -> writer.append(Recording.HIDDEN, bytes)));
            try (var _ = Scope.open(Device.cpu())) {
                probe.observed().forEach(sums -> HostCopy.with(Tensor.of(sums), DType.F64, bytes -> writer.append(Recording.NORMS, bytes)));
            }
            writer.finish();
        }
    }

    private DType hiddenType(TextEvaluation text) {
        var type = new DType[1];
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(teacher.device())) {
                type[0] = teacher.hidden(Tensor.of(new int[] {text.ids()[0]}, 1, 1)).dtype();
            }
            return null;
        });
        return type[0];
    }

    /**
     * Writes what was recorded and how.
     *
     * @param settings the settings and inputs, which a run that uses the recording must have too
     * @param textTokens the number of tokens of the text that sufficed
     * @param heldOut the held-out texts in the order of their numbers
     * @param facts what else a reader may want to know, such as the command
     */
    public void describe(SequencedMap<String, String> settings, long textTokens, List<TextEvaluation> heldOut, Map<String, String> facts) {
        var json = new LinkedHashMap<String, Object>();
        json.put(Recording.FORMAT, Recording.VERSION);
        json.put("contents", layout.form().toString());
        json.put(Recording.KIND, layout.form().kind().name());
        json.put(Recording.COUNT, layout.form().count());
        json.put(Recording.VOCABULARY, layout.vocabulary());
        json.put(Recording.LENGTH, layout.length());
        json.put(Recording.SEQUENCES, layout.sequences());
        json.put("sequences per file", layout.fileSequences());
        json.put(Recording.TEXT_TOKENS, textTokens);
        json.putAll(facts);
        json.put(Recording.SETTINGS, settings);
        List<String> checksums = new ArrayList<>();
        heldOut.forEach(text -> checksums.add(text.checksum()));
        json.put(Recording.HELD_OUT, checksums);
        var files = new LinkedHashMap<String, String>();
        layout.fileNames(heldOut.size()).forEach(name -> files.put(name, Recording.contentChecksum(directory.resolve(name))));
        json.put(Recording.FILES, files);
        json.put(Recording.NORMS, new NormProbe(teacher).biasOverWeight());
        AtomicFiles.writeJson(directory.resolve(Recording.FILE), json);
    }
}

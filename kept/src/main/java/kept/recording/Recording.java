package kept.recording;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Supplier;
import kept.autograd.FactoredLogits;
import kept.backend.SparseDistribution;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.io.FileException;
import kept.io.JsonObject;
import kept.io.ResumableDirectory;
import kept.mapping.NormProbe;
import kept.mapping.NormStatistics;
import kept.safetensors.SafetensorsFile;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** A finished recording of a teacher's logits. One thread uses it. */
public final class Recording implements AutoCloseable {
    /** The file with what was recorded and how. */
    public static final String FILE = "recording.json";
    static final String OPERATION = "recorded";
    static final String FORMAT = "format";
    static final int VERSION = 1;
    static final String KIND = "kind";
    static final String COUNT = "count";
    static final String VOCABULARY = "vocabulary";
    static final String LENGTH = "sequence length";
    static final String SEQUENCES = "sequences";
    static final String TEXT_TOKENS = "text tokens";
    static final String SETTINGS = "settings";
    static final String HELD_OUT = "held-out texts";
    static final String FILES = "files";
    static final String NORMS = "norms";
    static final String HIDDEN = "hidden";

    private final Path directory;
    private final RecordingLayout layout;
    private final long textTokens;
    private final SequencedMap<String, String> settings;
    private final List<String> heldOut;
    private final SequencedMap<String, Double> norms;
    /** Checksums of the contents by the files' names; empty in recordings of earlier versions. */
    private final SequencedMap<String, String> contents;
    /** The held-out files that were found to be whole. */
    private final Set<String> intact = new HashSet<>();
    /** The file in use, and its number. */
    private RecordedFile open;
    private int number = -1;

    private Recording(Path directory, JsonObject json) {
        this.directory = directory;
        if (json.integer(FORMAT) != VERSION) {
            throw json.error(FORMAT, "is %d, and this program reads %d; record again".formatted(json.integer(FORMAT), VERSION));
        }
        RecordedForm.Kind kind = Arrays.stream(RecordedForm.Kind.values()).filter(value -> value.name().equals(json.string(KIND))).findFirst()
                .orElseThrow(() -> json.error(KIND, "must be one of " + Arrays.toString(RecordedForm.Kind.values())));
        layout = new RecordingLayout(new RecordedForm(kind, positive(json, COUNT)), positive(json, VOCABULARY), positive(json, LENGTH),
                positive(json, SEQUENCES));
        textTokens = (long) json.number(TEXT_TOKENS);
        settings = new LinkedHashMap<>();
        putAll(json.object(SETTINGS), settings);
        contents = new LinkedHashMap<>();
        if (json.has(FILES)) {
            putAll(json.object(FILES), contents);
        }
        heldOut = json.strings(HELD_OUT);
        norms = new LinkedHashMap<>();
        JsonObject ratios = json.object(NORMS);
        ratios.keys().forEach(name -> norms.put(name, ratios.number(name)));
    }

    private static int positive(JsonObject json, String key) {
        int number = json.integer(key);
        if (number < 1) {
            throw json.error(key, "must be at least 1, not " + number);
        }
        return number;
    }

    private static void putAll(JsonObject texts, Map<String, String> map) {
        texts.keys().forEach(name -> map.put(name, texts.string(name)));
    }

    /**
     * Opens a recording.
     *
     * @param directory what {@code --record} wrote
     * @return the recording; the caller closes it
     * @throws RecordingException if there is none, or it is not finished
     * @throws FileException if it is damaged, or one of its files is of another recording
     */
    public static Recording open(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            throw new RecordingException(Files.exists(ResumableDirectory.partial(directory))
                    ? "[recorded] %s is not finished: end it with --record and --resume".formatted(directory)
                    : "[recorded] %s has no %s: it is no recording of a teacher's logits; make one with --record".formatted(directory, FILE));
        }
        var recording = new Recording(directory, JsonObject.read(OPERATION, file));
        recording.requireFiles();
        return recording;
    }

    private void requireFiles() {
        List<String> names = layout.fileNames(heldOut.size());
        for (String name : names) {
            Path file = directory.resolve(name);
            if (!Files.exists(file)) {
                throw new RecordingException("[recorded] %s is not whole: %s is missing of its %,d files; record again".formatted(directory, name,
                        names.size()));
            }
            if (!contents.isEmpty() && !contentChecksum(file).equals(contents.get(name))) {
                throw new FileException(OPERATION, file, "is not the file that was recorded with the others: copy all of the recording again, or "
                        + "record again");
            }
        }
    }

    /** A checksum of those that a file has, which takes no reading of the rest. */
    static String contentChecksum(Path path) {
        try (var file = SafetensorsFile.open(path)) {
            return file.contentChecksum();
        }
    }

    /**
     * What lies in the files.
     *
     * @return form, vocabulary and sequences
     */
    public RecordingLayout layout() {
        return layout;
    }

    /**
     * The number of tokens of the text that sufficed when it was read, from which the order of the sequences follows.
     *
     * @return how many
     */
    public long textTokens() {
        return textTokens;
    }

    /**
     * The settings and inputs with which it was made.
     *
     * @return each in words, by a name
     */
    public SequencedMap<String, String> settings() {
        return new LinkedHashMap<>(settings);
    }

    /**
     * What was recorded of some sequences of the training text.
     *
     * @param position the number of sequences before them in the order of training
     * @param sequences how many
     * @return a distribution for each of their tokens, in the current scope
     * @throws RecordingException if not so many sequences were recorded
     */
    public SparseDistribution distributions(long position, int sequences) {
        if (position + sequences > layout.sequences()) {
            throw new RecordingException(("[recorded] the training has come to token %,d of its text, but %s has %,d; record more with --record and "
                    + "more --tokens").formatted((position + sequences) * layout.length(), directory, layout.tokens()));
        }
        TokenRows rows = null;
        for (long at = position; at < position + sequences;) {
            int file = (int) (at / layout.fileSequences());
            int first = (int) (at - layout.first(file));
            int count = (int) Math.min(position + sequences - at, layout.sequencesOf(file) - first);
            TokenRows some = file(file).rows(first * layout.length(), count * layout.length());
            rows = rows == null ? some : rows.and(some);
            at += count;
        }
        return rows.toTensors();
    }

    private RecordedFile file(int wanted) {
        if (number != wanted) {
            close();
            open = RecordedFile.open(directory.resolve(RecordingLayout.fileName(wanted)), layout.form(), layout.vocabulary(),
                    (long) layout.sequencesOf(wanted) * layout.length());
            number = wanted;
        }
        return open;
    }

    /**
     * The teacher's logits on the held-out texts, by its hidden states and its head.
     *
     * @param head makes the teacher's head {@code [vocabulary, hidden]} in the current scope; called for each evaluation of a text, after which the
     *     head is freed
     * @return the logits
     */
    public TeacherLogits heldOut(Supplier<Tensor> head) {
        return new TeacherLogits() {
            @Override
            public Reading open(TextEvaluation text, Device device) {
                return new HiddenStates(file(text), text.length(), head, device);
            }

            @Override
            public Optional<String> nonFinite(Tensor ids) {
                return Optional.empty();
            }
        };
    }

    private SafetensorsFile file(TextEvaluation text) {
        int index = heldOut.indexOf(text.checksum());
        if (index < 0) {
            throw new RecordingException("[recorded] %s has no held-out text with the tokens of '%s'".formatted(directory, text.name()));
        }
        String name = RecordingLayout.heldOutName(index);
        SafetensorsFile file = SafetensorsFile.open(directory.resolve(name));
        try {
            if (!intact.contains(name)) {
                file.requireIntact();
                intact.add(name);
            }
            if (!file.contains(HIDDEN) || file.entry(HIDDEN).shape().size(0) != text.sequences()) {
                throw new FileException(OPERATION, file.path(), "does not have the hidden states of %,d sequences".formatted(text.sequences()));
            }
            return file;
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    /** Logits by hidden states in a file. */
    private static final class HiddenStates implements TeacherLogits.Reading {
        private final SafetensorsFile file;
        private final int length;
        private final Scope scope;
        private final Tensor head;

        HiddenStates(SafetensorsFile file, int length, Supplier<Tensor> head, Device device) {
            this.file = file;
            this.length = length;
            scope = Scope.detached(device);
            try {
                this.head = scope.run(head);
            } catch (RuntimeException | Error e) {
                close();
                throw e;
            }
        }

        @Override
        public FactoredLogits logits(int row, Tensor ids) {
            Shape all = file.entry(HIDDEN).shape();
            MemorySegment data = file.data(HIDDEN);
            long bytes = data.byteSize() / all.size(0);
            Shape shape = Shape.of(1, length, all.size(2));
            return new FactoredLogits(Tensor.from(data.asSlice(row * bytes, bytes), file.entry(HIDDEN).dtype(), shape), head);
        }

        @Override
        public void close() {
            scope.close();
            file.close();
        }
    }

    /**
     * How much the teacher's norms differ from RMSNorms on some of the held-out texts.
     *
     * @param texts the texts
     * @return one entry for each norm, in the order of the graph
     */
    public List<NormStatistics> norms(List<TextEvaluation> texts) {
        List<double[]> observed = new ArrayList<>();
        int width = 2 * norms.size();
        for (TextEvaluation text : texts) {
            try (SafetensorsFile file = file(text); var _ = Scope.open(Device.cpu())) {
                double[] sums = Tensor.from(file.data(NORMS), file.entry(NORMS).exactType(), file.entry(NORMS).shape()).toDoubleArray();
                for (int from = 0; from < sums.length; from += width) {
                    observed.add(Arrays.copyOfRange(sums, from, from + width));
                }
            }
        }
        return NormProbe.statistics(norms, observed);
    }

    /** Frees the file in use; the recording can still be used. */
    @Override
    public void close() {
        if (open != null) {
            open.close();
        }
        open = null;
        number = -1;
    }
}

package kept.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;
import kept.corpus.Corpus;
import kept.demo.DemoVocabulary;
import kept.demo.JdkSources;
import kept.run.MappingChoice;
import kept.run.TemporaryDirectory;
import kept.text.Reasons;

/**
 * The demo's ingredients: the embedded teacher, unpacked to a temporary directory, and the running JDK's sources as text. It distils on prose only;
 * code is evaluated too, though it is absent from the transfer text, as Python was in the paper.
 */
public final class Demo implements AutoCloseable {
    /** The default number of training tokens of the demo. */
    public static final long TOKENS = 245_760;
    /** The number of calibration tokens of the demo; at its width more tokens bring little (docs/fidelity.md). */
    static final long CALIBRATION_TOKENS = 16_384;

    /** Tokens of a sequence where the user leaves that open. */
    public static final int SEQUENCE_LENGTH = 256;

    /** Passes of a step where the user leaves them open: up to four ranks can share them. */
    public static final OptimizerOptions.Passes PASSES = new OptimizerOptions.Passes(2, 4);

    /** The mappings whose students are evaluated beside the trained one. */
    public static final List<MappingChoice> MAPPINGS = Stream.of("opm", "calibrated", "exact")
            .map(name -> MappingChoice.of(name).withTokens(CALIBRATION_TOKENS)).toList();

    /** The teacher's directory, by whose name the model card calls it. */
    private static final String NAME = "demo";
    private static final String RESOURCES = "/kept/demo/teacher/";
    private static final List<String> FILES = List.of("config.json", "model.safetensors", "provenance.json");

    private final TemporaryDirectory teacher;
    private final JdkSources sources;

    private Demo(TemporaryDirectory teacher, JdkSources sources) {
        this.teacher = teacher;
        this.sources = sources;
    }

    /**
     * Unpacks the teacher and finds the text.
     *
     * @param notes receives a note about the text
     */
    public static Demo prepare(PrintWriter notes) {
        JdkSources sources = JdkSources.find();
        notes.println("text: " + sources.description());
        var teacher = new TemporaryDirectory("kept-demo-teacher");
        try {
            Path directory = Files.createDirectory(teacher.path().resolve(NAME));
            for (String file : FILES) {
                unpack(file, directory.resolve(file));
            }
            DemoVocabulary.writeTo(directory);
            return new Demo(teacher, sources);
        } catch (IOException e) {
            teacher.close();
            throw new ProgramException(
                    "[demo] the teacher cannot be unpacked to %s: %s".formatted(System.getProperty("java.io.tmpdir"), Reasons.of(e)), e);
        }
    }

    private static void unpack(String resource, Path target) throws IOException {
        try (InputStream in = Demo.class.getResourceAsStream(RESOURCES + resource)) {
            if (in == null) {
                throw new IOException("there is no resource " + resource);
            }
            Files.copy(in, target);
        }
    }

    /** The directory of the Orion to distil. */
    public Path teacher() {
        return teacher.path().resolve(NAME);
    }

    /** The training text. */
    public Corpus trainingText() {
        return sources.prose().training(sources.heldOutFraction());
    }

    /** The held-out texts. */
    public SequencedMap<String, Corpus> domains() {
        SequencedMap<String, Corpus> domains = new LinkedHashMap<>();
        domains.put("prose", sources.prose().heldOut(sources.heldOutFraction()));
        domains.put("code", sources.code().heldOut(sources.heldOutFraction()));
        return domains;
    }

    /** Deletes the unpacked teacher. */
    @Override
    public void close() {
        teacher.close();
    }
}

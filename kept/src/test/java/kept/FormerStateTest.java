package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that a former version stopped after two of four steps, with its settings as Java prints records, ends here as it ended there. */
class FormerStateTest {
    /** Held-out KL after each step, as the former version computed it without a stop. */
    private static final List<Double> KL =
            List.of(0.02861822448176099, 0.027233130239134578, 0.02603631685390913, 0.02558261471131118, 0.0254463098741932);

    @TempDir
    private Path directory;

    @Test
    void aStateOfAFormerVersionIsResumed() throws IOException {
        copy(Fixtures.path("former-run"), directory);
        Path output = directory.resolve("llama");
        ProgramRun run = resume(output);
        assertThat(run.code()).as(run.err()).isZero();
        ObjectMapper json = new ObjectMapper();
        try (Stream<String> lines = Files.lines(output.resolve("metrics.jsonl"))) {
            List<JsonNode> heldOut = lines.map(line -> read(json, line)).filter(line -> line.has("held_out_kl")).toList();
            assertThat(heldOut).hasSameSizeAs(KL);
            for (int step = 0; step < KL.size(); step++) {
                // The state was written with vectors of 256 bits; with others the last digits differ.
                assertThat(heldOut.get(step).path("held_out_kl").doubleValue()).as("step %d", step).isCloseTo(KL.get(step), within(1e-7));
            }
        }
    }

    @Test
    void aStateOfAFormerVersionWithAnotherTeacherIsRefused() throws IOException {
        copy(Fixtures.path("former-run"), directory);
        Path config = directory.resolve("orion/config.json");
        Files.writeString(config, Files.readString(config).replace("\"rms_norm_eps\": 1.0E-5", "\"rms_norm_eps\": 2.0E-5"));
        ProgramRun run = resume(directory.resolve("llama"));
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).last().asString().contains("teacher, normEps was 1.0E-5, is 2.0E-5");
    }

    private ProgramRun resume(Path output) {
        Path text = directory.resolve("text.txt");
        return ProgramRun.of("distill", "--teacher", directory.resolve("orion"), "--corpus", text, "--held-out", "held-out=" + text,
                "--output", output, "--sequence-length", 16, "--batch-size", 4, "--tokens", 256, "--evaluation-tokens", 128,
                "--resume", "--allow-other-bits");
    }

    private static JsonNode read(ObjectMapper json, String line) {
        try {
            return json.readTree(line);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }
}

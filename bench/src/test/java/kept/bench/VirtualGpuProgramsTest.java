package kept.bench;

import static kept.bench.TinyPrograms.succeed;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every program that takes {@code --device} gives the CPU's results on the virtual GPU. */
class VirtualGpuProgramsTest {
    private static final String[] DEVICES = {"cpu", "virtual"};

    @TempDir
    private Path directory;
    private TinyPrograms programs;

    @BeforeEach
    void prepare() throws IOException {
        programs = new TinyPrograms(directory);
    }

    private Path student(String mapping) {
        Path student = directory.resolve(mapping);
        succeed("convert", "--model", programs.teacher(), "--output", student, "--mapping", mapping);
        return student;
    }

    @Test
    void convertMeasuresAndSolvesWhatTheCpuDoes() {
        List<Map<String, float[]>> outputs = new ArrayList<>();
        List<List<String>> notes = new ArrayList<>();
        for (String device : DEVICES) {
            Path output = directory.resolve("llama-" + device);
            var run = succeed("convert", "--device", device, "--model", programs.teacher(), "--mapping", "calibrated", "--calibration",
                    programs.text(), "--calibration-tokens", 1024, "--anchor", 0.2, "--output", output, "--verify", "--verbose");
            outputs.add(TinyPrograms.tensors(output));
            notes.add(run.err().lines().filter(line -> line.startsWith("model.")).map(VirtualGpuProgramsTest::withoutErrors).toList());
        }
        assertThat(notes.getLast()).as("ridges and neurons").hasSize(7).isEqualTo(notes.getFirst());
        outputs.getFirst().forEach((name, expected) -> assertThat(distance(outputs.getLast().get(name), expected)).as(name).isLessThan(1e-4));
    }

    private static String withoutErrors(String note) {
        return note.replaceAll(",? (?:with a )?relative error.*", "");
    }

    /** The length of the difference relative to the expected values. */
    private static double distance(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        double rest = 0;
        double all = 0;
        for (int i = 0; i < expected.length; i++) {
            rest += Math.pow(actual[i] - (double) expected[i], 2);
            all += (double) expected[i] * expected[i];
        }
        return Math.sqrt(rest / all);
    }

    @Test
    void distillTrainsInBf16AsOnTheCpu() throws IOException {
        List<Double> divergences = new ArrayList<>();
        for (String device : DEVICES) {
            Path output = directory.resolve("llama-" + device);
            succeed("distill", "--device", device, "--teacher", programs.teacher(), "--corpus", programs.text(), "--output", output, "--tokens", 256,
                    "--sequence-length", 32, "--batch-size", 2, "--evaluation-tokens", 64, "--train-dtype", "bf16", "--optimizer", "adamw-8bit",
                    "--checkpoint-activations", "--learning-rate", "1e-2");
            var last = new ObjectMapper().readTree(output.resolve("report.json").toFile());
            divergences.add(divergence(last.toString()));
        }
        // Rounded by chance to bf16, with products of bf16 on one device alone.
        assertThat(divergences.getLast()).isGreaterThan(1e-3).isCloseTo(divergences.getFirst(), Percentage.withPercentage(5));
    }

    @Tag("thorough")
    @Test
    void distillTrainsAdaptersAsOnTheCpu() throws IOException {
        List<Double> divergences = new ArrayList<>();
        for (String device : DEVICES) {
            Path output = directory.resolve("llama-" + device);
            succeed("distill", "--device", device, "--teacher", programs.teacher(), "--corpus", programs.text(), "--output", output, "--tokens", 256,
                    "--sequence-length", 32, "--batch-size", 2, "--evaluation-tokens", 64, "--train", "norms,lora", "--lora-rank", 4,
                    "--checkpoint-activations", "--learning-rate", "1e-2");
            divergences.add(divergence(new ObjectMapper().readTree(output.resolve("report.json").toFile()).toString()));
        }
        assertThat(divergences.getLast()).isGreaterThan(1e-3).isCloseTo(divergences.getFirst(), Percentage.withPercentage(5));
    }

    private static double divergence(String report) {
        var found = Pattern.compile("\"kl_mean\":([0-9.E-]+)").matcher(report);
        assertThat(found.find()).as(report).isTrue();
        return Double.parseDouble(found.group(1));
    }

    @Tag("thorough")
    @Test
    void compareHasTheFiguresOfTheCpu() throws IOException {
        requireSameJson(1e-3, 1e-6, "compare", "--teacher", programs.teacher(), "--calibration", programs.text(), "--calibration-tokens", 512,
                "--held-out", "text=" + programs.text(), "--evaluation-tokens", 128, "--sequence-length", 64, "--mappings",
                "opm,calibrated:0.2:1e-4,exact", "--dtype", "f32");
    }

    @Test
    void evaluateHasTheScoresOfTheCpu() throws IOException {
        // Choices of one length in an order of their own for each question: a model that ranks them a little otherwise has another score.
        var random = new Random(3);
        var questions = new StringBuilder();
        for (int i = 0; i < 24; i++) {
            List<String> choices = new ArrayList<>(List.of("1", "2", "3", "4", "5", "6", "7", "8"));
            Collections.shuffle(choices, random);
            questions.append("{\"context\": \"Line %d tells\", \"choices\": [\"%s\"], \"answer\": %d}%n".formatted(
                    i, String.join("\", \"", choices.subList(0, 3)), random.nextInt(3)));
        }
        Path task = Files.writeString(directory.resolve("questions.jsonl"), questions);
        requireSameJson(1e-3, 1e-5, "evaluate", "--model", student("opm"), "--teacher", programs.teacher(), "--tasks", task,
                "--passkey", 240, "--passkey-depths", "100", "--passkey-trials", 1);
    }

    @Test
    void verifyHasTheDetailsOfTheCpu() throws IOException {
        requireSameJson(1e-3, 1e-5, "verify", "--teacher", programs.teacher(), "--student", student("opm"), "--held-out", "text=" + programs.text(),
                "--evaluation-tokens", 128, "--sequence-length", 64, "--details");
    }

    private void requireSameJson(double relative, double absolute, Object... arguments) throws IOException {
        for (String device : DEVICES) {
            succeed(Stream.concat(Stream.of(arguments), Stream.of("--device", device, "--json", json(device))).toArray());
        }
        TinyPrograms.requireClose(json("virtual"), json("cpu"), relative, absolute);
        for (String device : DEVICES) {
            Files.delete(json(device));
        }
    }

    private Path json(String device) {
        return directory.resolve(device + ".json");
    }

    @Test
    void generateContinuesAndChatsAsOnTheCpu() {
        for (Object[] mode : new Object[][] {
            {"--prompt", "Line 7 tells that", "--prompt", "The square", "--max-tokens", 6},
            {"--chat", "--prompt", "Hi", "--prompt", "So", "--max-tokens", 4}}) {
            List<String> texts = new ArrayList<>();
            for (String device : DEVICES) {
                texts.add(succeed(Stream.concat(Stream.of("generate", "--device", device, "--model", programs.teacher()), Stream.of(mode)).toArray())
                        .out());
            }
            assertThat(texts.getLast()).isNotBlank().isEqualTo(texts.getFirst());
        }
    }

    @Test
    void infoListsTheDevice() {
        assertThat(succeed("info", "--devices").out().lines()).anySatisfy(line -> assertThat(line).startsWith("cpu: "))
                .anySatisfy(line -> assertThat(line).contains("(sm_", "PTX kernels for sm_80 and later"));
    }

    @Test
    void planCountsTheMemoryOfTheDevice() {
        var run = succeed("convert", "--plan", "--device", "virtual", "--model", programs.teacher(), "--mapping", "calibrated",
                "--calibration-tokens", 1024);
        assertThat(run.out()).contains("equations of a norm ", "virtual has ", "it fits", "the Java heap may take ", "needs ")
                .doesNotContain("mostly on the Java heap");
    }
}

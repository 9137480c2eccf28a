package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs with {@code --device}: distillation, verification and generation on the virtual GPU give the results of the CPU. */
class VirtualGpuProgramsTest {
    private static final Path TOKENIZER = Path.of("../kept/src/main/resources/kept/demo");

    @TempDir
    private Path directory;

    @Test
    void aCheckpointIsDistilledVerifiedAndGeneratesText() throws IOException, InterruptedException {
        Path text = Files.writeString(directory.resolve("text.txt"), Files.readString(Path.of("../docs/kept.md")));
        kept("pretrain", "--random", "--tokenizer", TOKENIZER, "--output", directory.resolve("orion"), "--hidden-size", 64, "--layers", 2,
                "--heads", 1, "--intermediate-size", 96, "--positions", 64);
        List<Double> divergences = new ArrayList<>();
        for (String device : new String[] {"cpu", "virtual"}) {
            Path llama = directory.resolve("llama-" + device);
            kept("distill", "--device", device, "--teacher", directory.resolve("orion"), "--corpus", text, "--output", llama, "--tokens", 128,
                    "--sequence-length", 32, "--batch-size", 2, "--evaluation-tokens", 64, "--train-dtype", "bf16", "--optimizer", "adamw-8bit",
                    "--checkpoint-activations", "--learning-rate", "1e-2");
            String report = kept("verify", "--device", device, "--teacher", directory.resolve("orion"), "--student", llama, "--corpus", text,
                    "--tokens", 64, "--sequence-length", 32, "--details");
            assertThat(report).contains("KL", "layer 1 MLP");
            divergences.add(lastDivergence(llama.resolve("metrics.jsonl")));
            assertThat(kept("generate", "--device", device, "--model", llama, "--prompt", "Returns the", "--max-tokens", 4)).isNotBlank();
        }
        assertThat(divergences.getLast()).isGreaterThan(1e-3).isCloseTo(divergences.getFirst(), Percentage.withPercentage(5));
    }

    /** The last KL on held-out text. The learning rate is harmfully high so that the KL differs clearly from zero. */
    private static double lastDivergence(Path metrics) throws IOException {
        Matcher found = Pattern.compile("\"held_out_kl\":([0-9.E-]+)").matcher(Files.readString(metrics));
        return found.results().map(result -> Double.parseDouble(result.group(1))).toList().getLast();
    }

    @Test
    void aMappingIsCalibrated() throws IOException, InterruptedException {
        Path text = Files.writeString(directory.resolve("text.txt"), Files.readString(Path.of("../docs/kept.md")));
        kept("pretrain", "--random", "--tokenizer", TOKENIZER, "--output", directory.resolve("orion"), "--hidden-size", 64, "--layers", 1,
                "--heads", 1, "--intermediate-size", 96, "--positions", 64);
        kept("convert", "--device", "virtual", "--model", directory.resolve("orion"), "--mapping", "calibrated", "--calibration", text,
                "--calibration-tokens", 512, "--anchor", "0.2", "--output", directory.resolve("llama"));
        assertThat(directory.resolve("llama/model.safetensors")).exists();
    }

    /** Runs a program in a child process and returns its output. */
    private String kept(Object... arguments) throws IOException, InterruptedException {
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        List<String> command = Stream.concat(Stream.of(Path.of(System.getProperty("java.home"), "bin", "java"), "--add-modules",
                "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp", classPath, "kept.Main"), Stream.of(arguments))
                .map(Object::toString).toList();
        Path output = Files.createTempFile(directory, "output", ".txt");
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        if (!process.waitFor(300, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        String printed = Files.readString(output);
        assertThat(process.exitValue()).as("%s%n%s", String.join(" ", command.subList(6, command.size())), printed).isZero();
        return printed;
    }
}

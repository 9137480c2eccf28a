package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.optim.LearningRateSchedule;
import org.junit.jupiter.api.Test;

/** distill with more tokens than before: a stopped run that is resumed with a higher total, and the command that a finished one prints. */
class RaisedTokensTest extends DistillationProgramTest {
    private static final int FIRST = 40;
    private static final int RAISED = 80;
    private static final int REACHED = 20;

    @Test
    void theScheduleIsThatOfTheNewTotalWithTheWarmUpOfTheStart() {
        stop();
        ProgramRun run = resume(RAISED);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains(
                "the run began with 40 steps and goes on to 80, with the text of its start; one run of 80 steps has another result");
        JsonNode rates = TinyDistillation.report(output).at("/steps/learning_rate");
        assertThat(rates).hasSize(RAISED);
        // A twentieth of the steps of the start.
        var before = new LearningRateSchedule.Cosine(3e-4, 2, FIRST, 0.1);
        var after = new LearningRateSchedule.Cosine(3e-4, 2, RAISED, 0.1);
        for (int step = 1; step <= RAISED; step++) {
            assertThat(rates.get(step - 1).doubleValue()).as("step %d", step).isEqualTo((step <= REACHED ? before : after).at(step));
        }
    }

    /** The printed command has the last total, with which alone another student is trained. */
    @Test
    void cardAndReportSayAfterWhichStepTheTotalWasRaised() throws IOException {
        stop();
        assertThat(resume(RAISED, "--stop-after", 50).code()).isEqualTo(130);
        assertThat(resume(RAISED, "--stop-after", 60).code()).isEqualTo(130);
        ProgramRun run = resume(RAISED + 20);
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode resumed = TinyDistillation.report(output).at("/provenance/resumed");
        assertThat(resumed).hasSize(2);
        assertThat(resumed.get(0).asText()).startsWith("after step 20: ").contains("steps was 40, is 80");
        assertThat(resumed.get(1).asText()).startsWith("after step 60: ").contains("steps was 80, is 100");
        assertThat(Files.readString(output.resolve("README.md"))).contains(
                "| resumed | `%s; %s` |".formatted(resumed.get(0).asText(), resumed.get(1).asText()));
    }

    @Test
    void aRaisedRunResumesToItsOwnBytes() throws IOException {
        stop();
        assertThat(resume(RAISED).code()).isZero();
        byte[] uninterrupted = Files.readAllBytes(output.resolve("model.safetensors"));
        stop("--overwrite");
        assertThat(resume(RAISED, "--stop-after", 50).code()).isEqualTo(130);
        assertThat(resume(RAISED - 20).errorLines()).last().asString().contains("steps was 80, is 60");
        assertThat(resume(FIRST).errorLines()).last().asString().contains("steps was 80, is 40").doesNotContain("text for steps");
        ProgramRun again = resume(RAISED);
        assertThat(again.code()).as(again.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasBinaryContent(uninterrupted);
    }

    @Test
    void atAConstantRateItIsOneRunOfTheNewTotal() throws IOException {
        Object[] constant = {"--schedule", "constant", "--warm-up", 3, "--evaluate-every", 10};
        assertThat(tiny.run(tiny.teacher(), output, RAISED, constant).code()).isZero();
        byte[] atOnce = Files.readAllBytes(output.resolve("model.safetensors"));
        stop(Stream.concat(Stream.of(constant), Stream.of("--overwrite")).toArray());
        ProgramRun run = resume(RAISED, constant);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasBinaryContent(atOnce);
    }

    @Test
    void nothingElseMayChangeAndTheTotalMayNotFall() {
        stop();
        assertThat(resume(RAISED / 4).errorLines()).last().asString().contains("other settings: ", "steps was 40, is 20");
        assertThat(resume(RAISED, "--warm-up", 7).errorLines()).last().asString()
                .contains("learning rate, warmUpSteps was 2, is 7").doesNotContain("steps was 40");
        assertThat(resume(RAISED, "--seed", 7).errorLines()).last().asString().contains("seed was 0, is 7").doesNotContain("steps was");
        assertThat(resume(RAISED, "--patience", 7).errorLines()).last().asString().contains("patience 0, is every", "patience 7")
                .doesNotContain("steps was");
    }

    /** What users of --resume try first when a run that has ended was too short. */
    @Test
    void aRunThatHasEndedIsNotResumedButNamesWhatGoesOn() {
        assertThat(tiny.run(tiny.teacher(), output, 4).code()).isZero();
        ProgramRun run = resume(8);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().isEqualTo(("kept: [resume] the run that made %s has ended, and there is no saved state of it; "
                + "go on from it with --student %1$s, without --resume, and another --output").formatted(output));
    }

    /** A release is started by a path of its own, which bin/kept passes on. */
    @Test
    void theCommandsThatArePrintedBeginAsTheProgramWasStarted() throws IOException {
        Path printed = directory.resolve("printed.txt");
        try (var run = ChildProgram.startIn(Map.of("JDK_JAVA_OPTIONS", "\"-Dkept.command=/opt/a release/bin/kept\""), printed,
                directory.resolve("errors.txt"), tiny.arguments(tiny.teacher(), output, 4, "--learning-rate", "3e-3", "--seed", 5))) {
            assertThat(run.join()).as(run.notes()).isZero();
        }
        assertThat(printed).content().contains("next:             '/opt/a release/bin/kept' generate --model ")
                .contains("more tokens:      '/opt/a release/bin/kept' distill --teacher ");
    }

    @Test
    void theCommandThatIsPrintedGoesOnFromTheOutput() throws IOException, InterruptedException {
        Path quoted = directory.resolve("it's a llama");
        ProgramRun run = tiny.run(tiny.teacher(), quoted, 4, "--learning-rate", "3e-3", "--mapping", "opm", "--seed", 5, "--loss", "forward-kl");
        assertThat(run.out()).contains(": more tokens may bring more");
        String printed = run.out().lines().filter(line -> line.startsWith("more tokens: ")).findFirst().orElseThrow()
                .replaceFirst("more tokens: +", "");
        assertThat(printed).startsWith("bin/kept distill --teacher ").contains("--seed 5", "--tokens 512", "it'\\''s a llama-more'")
                .doesNotContain("--mapping", "--loss");
        String next = run.out().lines().filter(line -> line.startsWith("next: ")).findFirst().orElseThrow().replaceFirst("next: +", "");
        assertThat(words(next)).containsExactly("bin/kept", "generate", "--model", quoted.toString(), "--prompt", "Returns the");
        List<String> words = words(printed);
        ProgramRun more = ProgramRun.of(words.subList(1, words.size()).toArray());
        assertThat(more.code()).as(more.err()).isZero();
        Path output = directory.resolve("it's a llama-more");
        assertThat(TinyDistillation.report(output).at("/domains/held-out/stages/given/kl_mean").doubleValue())
                .isEqualTo(TinyDistillation.report(quoted).at("/domains/held-out/stages/distilled/kl_mean").doubleValue());
        try (var checkpoint = Checkpoint.open(quoted)) {
            assertThat(TinyDistillation.report(output).at("/provenance/student/fingerprint").asText()).isEqualTo(checkpoint.fingerprint());
        }
    }

    /** In a command line of one file after another, as a file of options gives lists. */
    @Test
    void anOptionThatIsGivenSeveralTimesIsPrintedOnceWithAllItsValues() throws IOException, InterruptedException {
        Path other = TinyTeacher.text(directory.resolve("other.txt"));
        ProgramRun run = tiny.run(tiny.teacher(), output, 4, "--learning-rate", "3e-3", "--seed", 5, "--corpus", other,
                "--held-out", "more=" + other);
        List<String> printed = words(run.out().lines().filter(line -> line.startsWith("more tokens: ")).findFirst().orElseThrow()
                .replaceFirst("more tokens: +", ""));
        int texts = printed.indexOf("--corpus");
        assertThat(printed.subList(texts, texts + 7)).containsExactly("--corpus", tiny.text().toString(), other.toString(),
                "--held-out", "held-out=" + tiny.text(), "--held-out", "more=" + other);
        assertThat(printed.stream().filter(word -> word.equals("--corpus") || word.endsWith("other.txt"))).hasSize(3);
    }

    @Test
    void aRunThatNoLongerGainsPrintsNoCommand() {
        ProgramRun run = tiny.run(tiny.teacher(), output, 4, "--mapping", "exact", "--learning-rate", "1e-2");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).doesNotContain("more tokens");
    }

    /** As a shell reads a command. */
    private static List<String> words(String command) throws IOException, InterruptedException {
        Process shell = new ProcessBuilder("sh", "-c", "printf '%s\\n' " + command).start();
        try (InputStream printed = shell.getInputStream()) {
            List<String> words = new String(printed.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
            assertThat(shell.waitFor()).isZero();
            return words;
        }
    }

    private void stop(Object... more) {
        ProgramRun run = tiny.run(tiny.teacher(), output, FIRST, Stream.concat(Stream.of("--stop-after", REACHED), Stream.of(more)).toArray());
        assertThat(run.code()).as(run.err()).isEqualTo(130);
    }

    private ProgramRun resume(int steps, Object... more) {
        return tiny.run(tiny.teacher(), output, steps, Stream.concat(Stream.of("--resume"), Stream.of(more)).toArray());
    }
}

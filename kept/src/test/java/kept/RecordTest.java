package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code kept distill --record} and {@code --recorded}. */
class RecordTest extends DistillationProgramTest {
    private static final int STEPS = 12;

    private Path logits;

    @BeforeEach
    void prepare() {
        logits = directory.resolve("logits");
    }

    private ProgramRun record(Object... more) {
        return ProgramRun.of(tiny.withoutOutput(tiny.teacher(), STEPS, Stream.concat(Stream.of("--record", logits), Stream.of(more)).toArray()));
    }

    private ProgramRun distill(Object... more) {
        return tiny.run(tiny.teacher(), output, STEPS, more);
    }

    /** A number of each step. */
    private static double[] steps(Path output, String name) {
        return StreamSupport.stream(TinyDistillation.report(output).get("steps").get(name).spliterator(), false).mapToDouble(JsonNode::asDouble)
                .toArray();
    }

    /** With all tokens and nothing left over, the loss is that of the whole distribution but for the rounding of probabilities. */
    @Test
    void withEveryTokenTheStudentIsThatOfTheTeacher() {
        Object[] passes = {"--learning-rate", "1e-3", "--batch-size", 2, "--accumulation", 2};
        assertThat(distill(passes).code()).isZero();
        ProgramRun recorded = record("--record-top-k", "65535");
        assertThat(recorded.code()).as(recorded.err()).isZero();
        assertThat(recorded.out()).contains("most likely tokens and the rest of 768 tokens", "bytes a token");
        Path whole = output;
        output = directory.resolve("other");
        ProgramRun run = distill(Stream.of(passes, new Object[] {"--recorded", logits}).flatMap(Stream::of).toArray());
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("the teacher's logits are recorded in " + logits);
        assertThat(steps(output, "loss")).hasSize(STEPS).containsExactly(steps(whole, "loss"), within(1e-5));
        JsonNode expected = TinyDistillation.report(whole);
        JsonNode found = TinyDistillation.report(output);
        assertThat(found.findValue("mapped")).as("evaluated by hidden states").isNotNull().isEqualTo(expected.findValue("mapped"));
        assertThat(found.get("held_out").get("kl_mean").get(0)).isEqualTo(expected.get("held_out").get("kl_mean").get(0));
        assertThat(found.get("norms")).isEqualTo(expected.get("norms"));
    }

    /** The recorded distributions of the assistant's tokens belong to these tokens. */
    @Test
    void withEveryTokenTheLossOnTheAssistantIsThatOfTheTeacher() throws IOException {
        Path chats = Files.writeString(directory.resolve("chats.jsonl"), IntStream.range(0, 60).mapToObj(i -> ("{\"messages\": [{\"role\": \"user\", "
                + "\"content\": \"What is the square of %d?\"}, {\"role\": \"assistant\", \"content\": \"It is %d.\"}]}%n").formatted(i, i * i))
                .collect(Collectors.joining()));
        Object[] basis = {"distill", "--teacher", tiny.teacher(), "--corpus", chats, "--chat-template", "orion", "--loss-on", "assistant",
            "--evaluation-tokens", 64, "--sequence-length", 16, "--batch-size", 4, "--tokens", 512, "--learning-rate", "1e-3"};
        Path other = directory.resolve("other");
        Object[][] runs = {{"--output", output}, {"--record", logits, "--record-top-k", 65_535}, {"--output", other, "--recorded", logits}};
        for (Object[] more : runs) {
            ProgramRun run = ProgramRun.of(Stream.of(basis, more).flatMap(Stream::of).toArray());
            assertThat(run.code()).as(run.err()).isZero();
        }
        assertThat(steps(other, "loss")).hasSize(8).containsExactly(steps(output, "loss"), within(1e-5));
    }

    /** What the student learns of a part of each distribution brings it nearer to the whole. */
    @ParameterizedTest
    @CsvSource({"--record-top-k,16", "--record-samples,64"})
    void aPartOfTheDistributionTeachesToo(String option, int count) {
        assertThat(record(option, count, "--tokens", 100 * TinyDistillation.TOKENS_PER_STEP).code()).isZero();
        ProgramRun run = distill("--recorded", logits, "--learning-rate", "3e-4", "--cross-entropy-weight", "0.01", "--tokens",
                100 * TinyDistillation.TOKENS_PER_STEP);
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode report = TinyDistillation.report(output);
        assertThat(report.findValue("distilled").get("kl_mean").asDouble()).isLessThan(0.9 * report.findValue("mapped").get("kl_mean").asDouble());
        String form = option.equals("--record-top-k") ? "16 most likely" : "64 samples";
        assertThat(report.get("provenance").get("teacher's logits").asText()).contains(form);
    }

    /** What differs is named, and nothing is written. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--seed 4|seed was 0, is 4", "--sequence-length 8|sequence length was 16, is 8", "--temperature 2|temperature was 1.0, is 2.0",
        "--tokens 100000|has 768 tokens, and the run would train on 100,032: lower --tokens, or record more",
        "--evaluation-tokens 64|held-out text held-out was"})
    void whatDiffersFromTheRecordingIsNamed(String options, String message) {
        assertThat(record().code()).isZero();
        ProgramRun run = distill(Stream.concat(Stream.of("--recorded", logits), Stream.of(options.split(" "))).toArray());
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).last().asString().startsWith("kept: [recorded] " + logits).contains(message);
        assertThat(output).doesNotExist();
    }

    @Test
    void anotherTextAndAnotherTeacherAreNamed() throws IOException {
        assertThat(record().code()).isZero();
        Path original = Files.copy(tiny.text(), directory.resolve("original"));
        Files.writeString(tiny.text(), Files.readString(tiny.text()).replace("149", "941"));
        assertThat(distill("--recorded", logits).errorLines()).last().asString().contains("corpus was", "checksum");
        Files.copy(original, tiny.text(), StandardCopyOption.REPLACE_EXISTING);
        Path weights = tiny.teacher().resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 2] ^= 1;
        Files.write(weights, bytes);
        assertThat(distill("--recorded", logits).errorLines()).last().asString().contains("fingerprint of the teacher was");
    }

    /** Fewer tokens than were recorded are a shorter training on the same sequences; other batches are the same sequences too. */
    @Test
    void aPartOfARecordingIsEnough() {
        assertThat(record().code()).isZero();
        ProgramRun run = distill("--recorded", logits, "--tokens", 5 * TinyDistillation.TOKENS_PER_STEP, "--batch-size", 2, "--accumulation", 2);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(TinyDistillation.report(output).get("provenance").get("steps").asText()).isEqualTo("5");
    }

    @Test
    void aStateOfAnotherRecordingIsNotResumed() {
        assertThat(record("--record-top-k", 4).code()).isZero();
        assertThat(distill("--recorded", logits, "--stop-after", 2).code()).isEqualTo(130);
        assertThat(record("--record-top-k", 5, "--overwrite").code()).isZero();
        assertThat(distill("--recorded", logits, "--resume").errorLines()).last().asString()
                .contains("teacher's logits was the 4 most likely tokens and the rest, of 768 tokens, is the 5 most likely");
        assertThat(distill("--resume").errorLines()).last().asString().contains("teacher's logits was", "is absent");
    }

    @Test
    void aRecordingWithoutAFileIsRefused() throws IOException {
        assertThat(record().code()).isZero();
        Files.delete(logits.resolve("logits-000000.safetensors"));
        assertThat(distill("--recorded", logits).errorLines()).last().asString().contains("is not whole: logits-000000.safetensors is missing");
    }

    /** A file of another recording has the same shapes, so that only its content tells it apart. */
    @Test
    void aFileOfAnotherRecordingIsRefused() throws IOException {
        assertThat(record("--seed", 1).code()).isZero();
        Path other = Files.move(logits, directory.resolve("other"));
        assertThat(record().code()).isZero();
        String name = "logits-000000.safetensors";
        Files.copy(other.resolve(name), logits.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        assertRefused(distill("--recorded", logits), name + ": is not the file that was recorded with the others");
        assertRefused(distill("--recorded", logits, "--seed", 1), name + ": is not the file that was recorded with the others");
    }

    @Test
    void heldOutFilesInExchangedPlacesAreRefused() throws IOException {
        assertThat(record().code()).isZero();
        Path first = logits.resolve("held-out-000.safetensors");
        Path second = logits.resolve("held-out-001.safetensors");
        Path aside = Files.move(first, directory.resolve("aside"));
        Files.move(second, first);
        Files.move(aside, second);
        assertRefused(distill("--recorded", logits), "held-out-000.safetensors: is not the file that was recorded with the others");
    }

    @ParameterizedTest
    @ValueSource(strings = {"count", "vocabulary", "sequence length", "sequences"})
    void aNumberThatNoRecordingHasIsRefused(String key) throws IOException {
        assertThat(record().code()).isZero();
        Path file = logits.resolve("recording.json");
        String json = Files.readString(file);
        Files.writeString(file, json.replaceFirst("(\"" + key + "\" *: *)\\d+", "$10"));
        assertThat(Files.readString(file)).isNotEqualTo(json);
        assertThat(distill("--recorded", logits).errorLines()).singleElement().asString().contains(key, "must be at least 1, not 0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"logits-000000.safetensors", "held-out-000.safetensors", "held-out-001.safetensors"})
    void aDamagedFileIsRefused(String name) throws IOException {
        assertThat(record().code()).isZero();
        try (var file = FileChannel.open(logits.resolve(name), StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), file.size() - 5);
        }
        assertThat(distill("--recorded", logits).errorLines()).last().asString().contains(name, "is damaged: its checksum does not match");
    }

    @Test
    void aDirectoryWithoutARecordingIsRefused() throws IOException {
        Files.createDirectory(logits);
        assertThat(distill("--recorded", logits).errorLines()).last().asString().contains("it is no recording of a teacher's logits");
        Files.createDirectory(directory.resolve("logits.partial"));
        assertThat(distill("--recorded", logits).errorLines()).last().asString().contains("is not finished: end it with --record and --resume");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--record-top-k 4", "--record-samples 4", "--record x --record-top-k 4 --record-samples 4", "--record x --plan",
        "--record x --recorded y", "--record x --output z", "--record x --record-top-k 0", "--record x --record-samples 70000",
        "--record x --loss jsd", "--recorded y --loss reverse-kl", "--record x --shard all"})
    void optionsThatDoNotGoTogetherAreWrongUsage(String options) {
        Object[] all = Stream.of(Stream.of("distill", "--teacher", tiny.teacher(), "--corpus", tiny.text()), Stream.of(options.split(" ")))
                .flatMap(words -> words).toArray();
        if (!options.contains("--record x") && !options.contains("--output")) {
            all = Stream.concat(Stream.of(all), Stream.of("--output", output)).toArray();
        }
        ProgramRun run = ProgramRun.of(all);
        assertThat(run.code()).as(run.err()).isEqualTo(2);
        assertThat(run.errorLines()).hasSizeLessThanOrEqualTo(3);
    }

    @Test
    void thePlanCountsNoTeacher() {
        assertThat(record().code()).isZero();
        ProgramRun whole = ProgramRun.of("distill", "--teacher", tiny.teacher(), "--plan", "--sequence-length", 16);
        ProgramRun plan = ProgramRun.of("distill", "--teacher", tiny.teacher(), "--plan", "--sequence-length", 16, "--tokens", 640,
                "--recorded", logits);
        assertThat(plan.code()).as(plan.err()).isZero();
        assertThat(whole.out()).contains("teacher's weights (as stored)");
        assertThat(plan.out()).containsPattern("its logits are recorded \\(as stored\\) +0\\.0 MB +0\\.0 MB");
    }

    @Test
    void anExistingRecordingIsReplacedOnlyWhenAsked() {
        assertThat(record().code()).isZero();
        assertThat(record().errorLines()).last().asString().contains("exists and is not empty");
        assertThat(record("--overwrite", "--record-samples", 3).code()).isZero();
        assertThat(distill("--recorded", logits).code()).isZero();
    }

    /** Either is the work of days, and --overwrite may be left over from another command. */
    @Test
    void aRecordingAndACheckpointDoNotReplaceOneAnother() throws IOException {
        assertThat(record().code()).isZero();
        assertThat(distill().code()).isZero();
        assertRefused(ProgramRun.of(tiny.withoutOutput(tiny.teacher(), STEPS, "--record", output, "--overwrite")),
                output + ": holds a checkpoint, which a recording of logits does not replace; choose another directory, or delete that yourself");
        String recorded = logits + ": holds a recording of logits, which a checkpoint does not replace";
        assertRefused(tiny.run(tiny.teacher(), logits, STEPS, "--overwrite"), recorded);
        assertRefused(ProgramRun.of("convert", "--model", tiny.teacher(), "--output", logits, "--mapping", "opm", "--overwrite"), recorded);
        assertThat(distill("--recorded", logits, "--overwrite").code()).isZero();
    }

    private static void assertRefused(ProgramRun run, String message) {
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).last().asString().contains(message);
    }
}

package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Distillation on mixtures of texts and conversations. */
class TrainingDataTest extends DistillationProgramTest {
    private Path chats;

    @BeforeEach
    void prepare() throws IOException {
        chats = Files.writeString(directory.resolve("chats.jsonl"), IntStream.range(0, 60).mapToObj(i -> ("{\"messages\": [{\"role\": \"user\", "
                + "\"content\": \"What is the square of %d?\"}, {\"role\": \"assistant\", \"content\": \"It is %d.\"}]}%n").formatted(i, i * i))
                .collect(Collectors.joining()));
    }

    @Test
    void aMixtureHasItsSharesAndEachTextALineInTheReport() {
        ProgramRun run = distill("prose=0.75:" + tiny.text(), "chat=0.25:" + chats, "--tokens", 1024, "--chat-template", "orion");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("training text prose: " + tiny.text() + ": all of it",
                "training text chat: " + chats + ": drawn from all of it",
                "75.0 % of its tokens", "25.0 % of its tokens").doesNotContain("assistant's tokens");
        assertThat(TinyDistillation.report(output).path("texts").fieldNames()).toIterable().contains("training text prose", "training text chat");
        assertThat(run.out()).contains("prose", "chat");
    }

    @Test
    void aTextThatEndsBeginsAgainAndTheRunSaysHowOften() {
        ProgramRun run = distill("prose=1:" + tiny.text(), "chat=9:" + chats, "--tokens", 16_384, "--batch-size", 64, "--chat-template", "orion");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).containsPattern("the text chat is seen \\d+\\.\\d times").doesNotContain("the text prose is seen");
    }

    @ParameterizedTest
    @CsvSource({"all", "assistant"})
    void aStoppedRunOnAMixtureEndsWithTheBitsOfAnUninterruptedOne(String loss) throws IOException {
        Object[] more = {"--tokens", 512, "--chat-template", "orion", "--loss-on", loss, "--save-every", 1};
        ProgramRun whole = distill(sources(more));
        assertThat(whole.code()).as(whole.err()).isZero();
        byte[] expected = Files.readAllBytes(output.resolve("model.safetensors"));
        assertThat(distill(sources(more, "--overwrite", "--stop-after", 3)).code()).isEqualTo(Main.INTERRUPTED);
        ProgramRun resumed = distill(sources(more, "--resume"));
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasBinaryContent(expected);
        ProgramRun other = distill(Stream.of(new Object[] {"prose=0.5:" + tiny.text(), "chat=0.5:" + chats}, more, new Object[] {"--overwrite",
            "--stop-after", 3}).flatMap(Arrays::stream).toArray());
        assertThat(other.code()).isEqualTo(Main.INTERRUPTED);
        ProgramRun refused = distill(sources(more, "--resume"));
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().contains("weights was prose 0.5, chat 0.5, is prose 0.6, chat 0.4");
    }

    private Object[] sources(Object[] more, Object... last) {
        return Stream.of(new Object[] {"prose=0.6:" + tiny.text(), "chat=0.4:" + chats}, more, last).flatMap(Arrays::stream).toArray();
    }

    @Test
    void aFileWithTwoPurposesIsRemarkedOn() throws IOException {
        Path unseen = Files.copy(tiny.text(), directory.resolve("unseen.txt"));
        ProgramRun run = distill("a=1:" + tiny.text(), "b=1:" + tiny.text(), "c=1:" + unseen, "--tokens", 512, "--held-out",
                "held-out=" + tiny.text());
        assertThat(run.code()).as(run.err()).isZero();
        String name = tiny.text().toRealPath().toString();
        assertThat(run.err().lines().filter(line -> line.contains("both have"))).containsExactly(
                "the training text a and the training text b both have " + name + ": what is held out of one is learnt in the other",
                "the held-out text held-out and the training text a both have " + name + ": its results are not those of unseen text",
                "the held-out text held-out and the training text b both have " + name + ": its results are not those of unseen text");
    }

    @Test
    void theLossOnTheAssistantIsAnotherRunThanTheLossOnAll() throws IOException {
        ProgramRun all = distill(chats, "--tokens", 512, "--chat-template", "orion");
        assertThat(all.code()).as(all.err()).isZero();
        byte[] onAll = Files.readAllBytes(output.resolve("model.safetensors"));
        ProgramRun assistant = distill(chats, "--tokens", 512, "--chat-template", "orion", "--loss-on", "Assistant", "--overwrite");
        assertThat(assistant.code()).as(assistant.err()).isZero();
        assertThat(assistant.err()).containsPattern("the loss is on the assistant's tokens: [1-4]\\d\\.\\d % of the text");
        assertThat(Files.readAllBytes(output.resolve("model.safetensors"))).isNotEqualTo(onAll);
    }

    @Test
    void whatCannotBeLearntIsToldInOneLine() throws IOException {
        Path silent = Files.writeString(directory.resolve("silent.jsonl"), "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}%n"
                .formatted("Words ".repeat(200)));
        assertFails("no conversation has a message of the assistant", silent, "--chat-template", "orion", "--loss-on", "assistant");
        assertFails(chats + ", line 1 (byte 0): it is a conversation, and " + tiny.teacher() + " has no chat template", chats);
        Path system = Files.writeString(directory.resolve("system.jsonl"), Files.readString(chats).replaceFirst("\\{\"role\": \"user\"",
                "{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\""));
        assertFails(system + ", line 1 (byte 0): --chat-template leaves out message 1 (system)", system, "--chat-template", "orion");
    }

    private void assertFails(String reason, Object... arguments) {
        ProgramRun run = distill(arguments);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).last().asString().contains(reason);
        assertThat(output).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "prose=0:a.txt code=1:b.txt|the weight must be a number above 0",
        "prose=x:a.txt|the weight must be a number above 0",
        "prose=1e999:a.txt|the weight must be a number above 0",
        "prose=1:a.txt b.txt|gives some texts a weight (NAME=WEIGHT:FILE) and others none",
        "prose=1:a.txt prose=2:b.txt|gives the text prose the weights 1.0 and 2.0",
    })
    void weightsThatMakeNoMixtureAreWrongUsage(String corpora, String problem) {
        ProgramRun run = distill((Object[]) corpora.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains(problem);
    }

    @Test
    void aFileOfSuchANameIsAFile() throws IOException {
        Path odd = Files.copy(tiny.text(), directory.resolve("prose=2:b.txt"));
        assertThat(distill(odd, "--tokens", 64).code()).isZero();
    }

    private ProgramRun distill(Object... corpora) {
        Object[] basis = {"distill", "--teacher", tiny.teacher(), "--output", output, "--sequence-length", 16, "--evaluation-tokens", 64, "--corpus"};
        boolean hasBatch = Arrays.asList(corpora).contains("--batch-size");
        Object[] batch = hasBatch ? new Object[0] : new Object[] {"--batch-size", 4};
        return ProgramRun.of(Stream.of(basis, corpora, batch).flatMap(Arrays::stream).toArray());
    }
}

package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import kept.ProgramRun;
import kept.TinyTeacher;
import kept.corpus.Document;
import kept.corpus.DocumentEncoder;
import kept.evaluation.Examination;
import kept.evaluation.FewShot;
import kept.evaluation.Task;
import kept.tensor.Scope;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.Vocabulary;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model whose tokenizer adds bos reads every text with it, as in transformers. */
class BeginningTokenTest {
    private static final String TEXT = "Line 7 tells";
    private static final String SETTINGS = "tokenizer_config.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path directory;

    private Path orion;
    private int[] begun;

    @BeforeEach
    void aTeacherThatReadsBos() throws IOException {
        orion = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        Files.writeString(orion.resolve(SETTINGS), "{\"add_bos_token\": true}");
        try (Tokenizer tokenizer = Tokenizer.load(orion)) {
            int[] plain = tokenizer.encode(TEXT);
            begun = IntStream.concat(IntStream.of(tokenizer.bos().getAsInt()), Arrays.stream(plain)).toArray();
            assertThat(tokenizer.encode(TEXT, tokenizer.addsBos(), false)).containsExactly(begun);
        }
    }

    @Test
    void aDocumentBeginsWithIt() {
        try (Tokenizer tokenizer = Tokenizer.load(orion)) {
            int[] ids = DocumentEncoder.of(tokenizer).encode(new Document("a", TEXT));
            assertThat(ids).startsWith(begun).hasSize(begun.length + 1).endsWith(tokenizer.eos().getAsInt());
        }
    }

    @Test
    void aPromptBeginsWithIt() throws IOException {
        String continued;
        try (var model = LanguageModel.load(orion); var _ = Scope.open()) {
            continued = model.generate(TEXT, 12);
            assertThat(model.logits(TEXT).shape().size(1)).isEqualTo(begun.length);
        }
        ProgramRun run = ProgramRun.of("generate", "--model", orion, "--prompt", TEXT, "--max-tokens", 12);
        assertThat(run.out()).isEqualTo(TEXT + continued + System.lineSeparator());
        Files.writeString(orion.resolve(SETTINGS), "{\"add_bos_token\": false}");
        ProgramRun plain = ProgramRun.of("generate", "--model", orion, "--prompt", TEXT, "--max-tokens", 12);
        assertThat(plain.out()).startsWith(TEXT).isNotEqualTo(run.out());
    }

    @Test
    void theContextOfAQuestionBeginsWithItUnlessTheUserSaysOtherwise() throws IOException {
        Task task = Task.read(Files.writeString(directory.resolve("squares.jsonl"), """
                {"context": "The square of 3 is", "choices": ["9", "8"], "answer": 0}
                """));
        var examination = new Examination(task, new FewShot(0, task.questions(), " ", OptionalLong.empty()));
        EvaluationRun run = EvaluationRun.of(orion).task(examination);
        List<double[]> usual = scores(run);
        assertThat(scores(run.beginningOfSequence(true))).usingRecursiveComparison().isEqualTo(usual);
        assertThat(scores(run.beginningOfSequence(false)).getFirst()).isNotEqualTo(usual.getFirst());
    }

    private static List<double[]> scores(EvaluationRun run) {
        return List.copyOf(run.run(Progress.NONE).tasks().getFirst().models().firstEntry().getValue().logLikelihoods());
    }

    /** The Llama's tokenizer.json adds it, whatever tokenizer_config.json says, because transformers does not look there. */
    @Test
    void theLlamaOfTheModelReadsIt() throws IOException {
        Path llama = directory.resolve("llama");
        ConversionRun.of(orion, llama).mapping(MappingChoice.OPM).run(Progress.NONE);
        Path settings = llama.resolve(SETTINGS);
        ObjectNode written = (ObjectNode) JSON.readTree(settings.toFile());
        for (String flag : new String[] {"true", "false", "null"}) {
            Files.writeString(settings, written.<ObjectNode>set("add_bos_token", JSON.readTree(flag)).toString());
            assertThat(Vocabulary.read(llama).addsBos()).hasValue(true);
            for (Tokenizer tokenizer : new Tokenizer[] {Tokenizer.load(llama), Tokenizer.loadForChat(llama)}) {
                try (tokenizer) {
                    assertThat(tokenizer.addsBos()).isTrue();
                }
            }
        }
        Files.delete(llama.resolve(Tokenizer.SENTENCEPIECE_FILE));
        try (Tokenizer json = Tokenizer.load(llama)) {
            assertThat(json.encode(TEXT, json.addsBos(), false)).containsExactly(begun);
        }
    }

    /** A source with both files whose settings do not speak of bos. */
    @Test
    void settingsThatAreCompletedAgreeWithThePostProcessor() throws IOException {
        Path first = directory.resolve("first");
        ConversionRun.of(orion, first).mapping(MappingChoice.OPM).run(Progress.NONE);
        Files.copy(first.resolve(Tokenizer.JSON_FILE), orion.resolve(Tokenizer.JSON_FILE));
        Files.writeString(orion.resolve(SETTINGS), "{}");
        Path second = directory.resolve("second");
        ConversionRun.of(orion, second).mapping(MappingChoice.OPM).run(Progress.NONE);
        JsonNode settings = JSON.readTree(second.resolve(SETTINGS).toFile());
        assertThat(settings.get("add_bos_token").booleanValue()).isTrue();
        assertThat(settings.get("add_eos_token").isBoolean()).isTrue();
        assertThat(settings.get("add_eos_token").booleanValue()).isFalse();
    }
}

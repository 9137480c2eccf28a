package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GenerateTest {
    @TempDir
    private Path directory;

    private Path orion;

    @BeforeEach
    void makeModel() throws IOException {
        orion = TinyTeacher.write(directory.resolve("orion"));
        // Two turns need more than its positions; no weight depends on their number.
        Path config = orion.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace(": 64", ": 256"));
    }

    private ProgramRun generate(Object... arguments) {
        var all = new Object[arguments.length + 3];
        all[0] = "generate";
        all[1] = "--model";
        all[2] = orion;
        System.arraycopy(arguments, 0, all, 3, arguments.length);
        return ProgramRun.of(all);
    }

    private static String text(ProgramRun run) {
        assertThat(run.code()).as(run.err()).isZero();
        return run.out();
    }

    @Test
    void severalPromptsArePrintedInTheirOrderAsEachIsAlone() {
        Object[] sampling = {"--temperature", 1.2, "--top-k", 40, "--min-p", 0.01, "--repetition-penalty", 1.1, "--seed", 4, "--max-tokens", 15};
        var together = new StringBuilder();
        var arguments = new ArrayList<Object>(List.of(sampling));
        for (int i = 1; i <= 6; i++) {
            String prompt = "Line ".repeat(i) + i;
            arguments.addAll(List.of("--prompt", prompt));
            var alone = new ArrayList<Object>(List.of(sampling));
            alone.addAll(List.of("--prompt", prompt));
            together.append("[%d] ".formatted(i)).append(text(generate(alone.toArray())));
        }
        assertThat(text(generate(arguments.toArray()))).isEqualTo(together.toString());
    }

    @Test
    void aCacheInBf16IsAChoice() {
        String[] texts = new String[3];
        String[][] choices = {{}, {"--kv-cache", "auto"}, {"--kv-cache", "bf16"}};
        for (int i = 0; i < 3; i++) {
            var arguments = new ArrayList<Object>(List.of("--prompt", "Line 7 tells", "--temperature", 3, "--seed", 5, "--max-tokens", 80));
            arguments.addAll(List.of(choices[i]));
            texts[i] = text(generate(arguments.toArray()));
        }
        assertThat(texts[1]).isEqualTo(texts[0]);
        assertThat(texts[2]).startsWith("Line 7 tells").isNotEqualTo(texts[0]);
        assertThat(generate("--prompt", "a", "--kv-cache", "f8").err()).contains("--kv-cache");
    }

    /** The text is another than that of the stored weights; a conversation takes them too. */
    @Test
    void weightsInBlocksAreAChoice() throws IOException {
        Path narrow = orion;
        orion = TinyTeacher.writeWide(directory.resolve("wide"));
        String[] texts = new String[3];
        String[][] choices = {{}, {"--weights", "stored"}, {"--weights", "Q8"}};
        for (int i = 0; i < 3; i++) {
            var arguments = new ArrayList<Object>(List.of("--prompt", "Line 7 tells", "--temperature", 3, "--seed", 5, "--max-tokens", 50));
            arguments.addAll(List.of(choices[i]));
            ProgramRun run = generate(arguments.toArray());
            texts[i] = text(run);
            assertThat(run.err()).doesNotContain("quantised");
        }
        assertThat(texts[1]).isEqualTo(texts[0]);
        assertThat(texts[2]).startsWith("Line 7 tells").isNotEqualTo(texts[0]);
        assertThat(text(generate("--chat", "--prompt", "Line", "--max-tokens", 5, "--weights", "q8", "--temperature", 3))).isNotEmpty();
        assertThat(generate("--prompt", "a", "--weights", "q4").err()).contains("--weights");
        orion = narrow;
        ProgramRun run = generate("--prompt", "Line 7 tells", "--weights", "q8", "--max-tokens", 5);
        assertThat(text(run)).isEqualTo(text(generate("--prompt", "Line 7 tells", "--max-tokens", 5)));
        assertThat(run.err()).contains("note: 15 matrices are not quantised: their rows are not whole blocks of 32");
    }

    @Test
    void promptsComeFromAFileAndTextsGoOutAsJson() throws IOException {
        Path file = Files.writeString(directory.resolve("prompts.jsonl"), "\"Line\\n7\"\n\n{\"prompt\": \"tells\", \"id\": 3}\n");
        List<String> lines = text(generate("--prompts", file, "--jsonl", "--max-tokens", 5)).lines().toList();
        assertThat(lines).hasSize(2);
        JsonNode first = new ObjectMapper().readTree(lines.getFirst());
        assertThat(first.path("prompt").asText()).isEqualTo("Line\n7");
        assertThat(first.path("tokens").asInt()).isBetween(1, 5);
        assertThat(first.path("finish").asText()).isIn("end", "length");
        assertThat("Line\n7" + first.path("text").asText() + System.lineSeparator())
                .isEqualTo(text(generate("--prompt", "Line\n7", "--max-tokens", 5)));
        Path plain = Files.writeString(directory.resolve("prompts.txt"), "Line 7\ntells\n");
        assertThat(text(generate("--prompts", plain, "--max-tokens", 5)).lines()).anyMatch(line -> line.startsWith("[1] Line 7"))
                .anyMatch(line -> line.startsWith("[2] tells"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"text\": \"no prompt\"}", "{", "", "17"})
    void aFileWithoutPromptsIsNamed(String content) throws IOException {
        Path file = Files.writeString(directory.resolve("prompts.jsonl"), content);
        ProgramRun run = generate("--prompts", file);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [generate]").contains("prompts.jsonl");
    }

    @Test
    void theTextEndsBeforeAStopString() {
        String whole = text(generate("--prompt", "Line 7", "--temperature", 1, "--max-tokens", 30));
        String stop = whole.substring(20, 22);
        String stopped = text(generate("--prompt", "Line 7", "--temperature", 1, "--max-tokens", 30, "--stop", "no such text", "--stop", stop));
        assertThat(stopped).isEqualTo("Line 7" + whole.substring(6, whole.indexOf(stop, 6)) + System.lineSeparator());
    }

    @Test
    void anOrionWithoutATemplateTalksInThatOfOrionChat() throws IOException {
        String answers = text(generate("--chat", "--prompt", "Hi", "--prompt", "So", "--max-tokens", 8));
        assertThat(answers).isNotBlank().doesNotContain("Human:", "Assistant:");
        Files.writeString(orion.resolve("chat_template.jinja"), Files.readString(Fixtures.path("../kept/generation/templates/orion.jinja")));
        assertThat(text(generate("--chat", "--prompt", "Hi", "--prompt", "So", "--max-tokens", 8))).isEqualTo(answers);
        assertThat(spoken("Hi\n\nSo\n", "--chat", "--max-tokens", "8")).as("lines of standard input").isEqualTo(answers);
        assertThat(spoken("Hi\n/new\nHi\n/exit\nmore\n", "--chat", "--max-tokens", "8").lines().distinct().toList())
                .as("another conversation begins alike").isEqualTo(text(generate("--chat", "--prompt", "Hi", "--max-tokens", 8)).lines().toList());
    }

    private String spoken(String lines, Object... arguments) {
        InputStream before = System.in;
        try {
            System.setIn(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
            return text(generate(arguments));
        } finally {
            System.setIn(before);
        }
    }

    @Test
    void aConversationIsSampledAsTheCheckpointSaysUnlessToldOtherwise() throws IOException {
        String mostLikely = text(generate("--chat", "--prompt", "Hi", "--max-tokens", 12));
        Files.writeString(orion.resolve("generation_config.json"), """
                {"do_sample": true, "temperature": 2.0, "top_k": 0, "top_p": 1.0, "max_new_tokens": 12}""");
        String sampled = text(generate("--chat", "--prompt", "Hi"));
        assertThat(sampled).isNotEqualTo(mostLikely);
        assertThat(text(generate("--chat", "--prompt", "Hi"))).isEqualTo(sampled);
        assertThat(text(generate("--chat", "--prompt", "Hi", "--seed", 1))).isNotEqualTo(sampled);
        assertThat(text(generate("--chat", "--prompt", "Hi", "--temperature", 0))).isEqualTo(mostLikely);
        assertThat(text(generate("--chat", "--prompt", "Hi", "--top-k", 1))).isEqualTo(mostLikely);
    }

    @Test
    void aLlamaDirectoryCarriesTemplateAndSampling() throws IOException {
        Files.writeString(orion.resolve("generation_config.json"), """
                {"do_sample": true, "max_new_tokens": 1024, "repetition_penalty": 1.05, "temperature": 0.3, "top_k": 5, "top_p": 0.9}""");
        Path llama = directory.resolve("llama");
        text(ProgramRun.of("convert", "--model", orion, "--output", llama, "--chat-template", "orion", "--llama-tokenizer"));
        JsonNode tokenizer = new ObjectMapper().readTree(llama.resolve("tokenizer_config.json").toFile());
        assertThat(tokenizer.path("tokenizer_class").asText()).isEqualTo("LlamaTokenizer");
        assertThat(tokenizer.path("chat_template").asText()).contains("Human: ");
        JsonNode generation = new ObjectMapper().readTree(llama.resolve("generation_config.json").toFile());
        assertThat(generation.path("top_k").asInt()).isEqualTo(5);
        assertThat(generation.path("max_new_tokens").asInt()).isEqualTo(1024);
        assertThat(generation.path("eos_token_id").asInt()).isEqualTo(2);
        orion = llama;
        assertThat(text(generate("--chat", "--prompt", "Hi", "--max-tokens", 8))).isNotBlank();
    }

    @Test
    void aLlamaWithoutATemplateSaysWhatToDo() {
        Path llama = directory.resolve("llama");
        text(ProgramRun.of("convert", "--model", orion, "--output", llama));
        orion = llama;
        ProgramRun run = generate("--chat", "--prompt", "Hi");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [chat]").contains("--chat-template");
        assertThat(text(generate("--chat", "--chat-template", "orion", "--prompt", "Hi", "--max-tokens", 8))).isNotBlank();
        assertThat(generate("--chat", "--chat-template", "nowhere.jinja", "--prompt", "Hi").err()).contains("nowhere.jinja");
    }

    @Test
    void aSystemTurnWithoutAPlaceIsRefused() {
        ProgramRun run = generate("--chat", "--system", "Be kind.", "--prompt", "Hi");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).startsWith("kept: [chat template] orion").contains("--system");
    }

    @Test
    void aConversationIsShownAsTheTemplateWritesItWithoutWeights() throws IOException {
        Path tokenizer = Files.createDirectories(directory.resolve("tokenizer-only"));
        try (Stream<Path> files = Files.list(orion)) {
            for (Path file : files.filter(name -> name.toString().matches(".*(config\\.json|tokenizer.*)")).toList()) {
                Files.copy(file, tokenizer.resolve(file.getFileName()));
            }
        }
        orion = tokenizer;
        Path messages = Files.writeString(directory.resolve("messages.json"), """
                [{"role": "user", "content": "Line 7 é"}, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "tells"}]""");
        String prompt = "<s>Human: Line 7 é\n\nAssistant: </s>ok</s>Human: tells\n\nAssistant: </s>";
        assertThat(text(generate("--messages", messages, "--print-prompt"))).isEqualTo(prompt);
        try (Tokenizer reader = Tokenizer.loadForChat(tokenizer)) {
            String ids = text(generate("--messages", messages, "--print-ids"));
            assertThat(ids.strip().split(" ")).startsWith("1").endsWith("2").contains("2");
            assertThat(Arrays.stream(ids.strip().split(" ")).mapToInt(Integer::parseInt)).containsExactly(
                    Arrays.stream(reader.encodeWithSpecialTokens(prompt)).boxed().toArray(Integer[]::new));
        }
        Path template = Files.writeString(directory.resolve("my.jinja"),
                "{% for m in messages %}{{ m.role }}:{{ m.content }}{{ m.tool_calls|tojson if m.tool_calls }};{% endfor %}"
                        + "{{ tools|length if tools }}{{ add_generation_prompt }}{{ flag }}\n");
        Files.writeString(messages, """
                {"messages": [{"role": "assistant", "content": null, "tool_calls": [{"id": 1, "x": 1.50}]}], "tools": [{}],
                 "add_generation_prompt": false, "flag": "f"}""");
        assertThat(text(generate("--messages", messages, "--print-prompt", "--chat-template", template)))
                .isEqualTo("assistant:None[{\"id\": 1, \"x\": 1.5}];1Falsef");
        Path config = Files.writeString(directory.resolve("other_config.json"), "{\"chat_template\": \"{{ messages|length }}\\n\\n\"}");
        assertThat(text(generate("--messages", messages, "--print-prompt", "--chat-template", config))).isEqualTo("1\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "[1]", "[", "{\"messages\": {}}", "[{\"role\": \"user\"}] []"})
    void aConversationThatIsNoneIsNamed(String content) throws IOException {
        Path messages = Files.writeString(directory.resolve("messages.json"), content);
        ProgramRun run = generate("--messages", messages, "--print-prompt");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [generate]").contains("messages.json");
    }

    @Test
    void whatATemplateRefusesIsToldInOneLine() throws IOException {
        Path messages = Files.writeString(directory.resolve("messages.json"), "[]");
        Path template = Files.writeString(directory.resolve("my.jinja"), "a\n{{ raise_exception('only\nusers') }}");
        ProgramRun run = generate("--messages", messages, "--print-prompt", "--chat-template", template);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [chat template]").contains("my.jinja, line 2: only users");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "generate --model a --print-prompt",
        "generate --model a --print-ids --prompt b",
        "generate --model a --messages b",
        "generate --model a --messages b --print-prompt --print-ids",
        "generate --model a --messages b --print-prompt --chat",
        "generate --model a --messages b --print-prompt --prompt c",
        "generate --model a",
        "generate --model a --prompt b --prompts c",
        "generate --model a --chat --jsonl",
        "generate --model a --prompt b --system c",
        "generate --model a --prompt b --min-p 2",
        "generate --model a --prompt b --repetition-penalty 0",
        "generate --model a --prompt b --max-tokens 0"
    })
    void aWrongCommandLineIsWrongUsage(String line) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).hasSize(2).last().isEqualTo("See 'kept generate --help'.");
    }
}

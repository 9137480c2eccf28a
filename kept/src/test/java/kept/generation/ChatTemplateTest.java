package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ChatTemplateTest {
    private static final Map<String, String> MARKS = Map.of("bos_token", "<s>", "eos_token", "</s>");
    private static final List<ChatMessage> HELLO = List.of(new ChatMessage(ChatMessage.USER, "Hello!"));

    @TempDir
    private Path directory;

    /** What transformers made of each conversation; see make_chats.py beside the file. */
    static List<JsonNode> chats() throws IOException {
        try (InputStream json = ChatTemplateTest.class.getResourceAsStream("chats.json")) {
            return List.of(new ObjectMapper().readValue(json, JsonNode[].class));
        }
    }

    private static String template(String name) throws IOException {
        try (InputStream text = ChatTemplateTest.class.getResourceAsStream("/kept/generation/templates/" + name)) {
            return new String(text.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static List<ChatMessage> messages(JsonNode chat) {
        var messages = new ArrayList<ChatMessage>();
        chat.path("messages").forEach(turn -> messages.add(new ChatMessage(turn.path("role").asText(), turn.path("content").asText())));
        return messages;
    }

    @ParameterizedTest
    @MethodSource("chats")
    void aConversationIsWrittenAsTransformersWritesIt(JsonNode chat) throws IOException {
        String name = chat.path("template").asText();
        var template = new ChatTemplate(template(name), name);
        if (chat.has("error")) {
            assertThatThrownBy(() -> template.render(messages(chat), MARKS)).isInstanceOf(ChatTemplateException.class)
                    .hasMessageContaining(name).hasMessageContaining(chat.path("error").asText());
        } else {
            assertThat(template.render(messages(chat), MARKS)).isEqualTo(chat.path("text").asText());
        }
    }

    @Test
    void orionsTemplateIsKnownWithoutAFile() throws IOException {
        assertThat(ChatTemplate.named("orion").source()).isEqualTo(template("orion.jinja"));
        assertThat(ChatTemplate.orion().render(HELLO, MARKS)).isEqualTo("<s>Human: Hello!\n\nAssistant: </s>");
    }

    @Test
    void aFileGoesBeforeTheConfigurationAndTheDefaultBeforeOthers() throws IOException {
        assertThat(ChatTemplate.read(directory)).isEmpty();
        Files.writeString(directory.resolve("tokenizer_config.json"), """
                {"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "usual"}]}""");
        assertThat(ChatTemplate.read(directory)).get().extracting(ChatTemplate::source).isEqualTo("usual");
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"chat_template\": \"single\"}");
        assertThat(ChatTemplate.read(directory)).get().extracting(ChatTemplate::source).isEqualTo("single");
        Files.writeString(directory.resolve("chat_template.jinja"), "file");
        assertThat(ChatTemplate.read(directory)).get().extracting(ChatTemplate::source).isEqualTo("file");
    }

    /** Nothing that is not understood is passed over in silence. */
    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
        "{{ messages | frobnicate }} ~ frobnicate",
        "{{ frobnicate(3) }} ~ frobnicate",
        "{{ 'x'.encode() }} ~ encode",
        "{% frobnicate %} ~ frobnicate",
        "{% for m in messages %}{{ m.content }} ~ endfor",
        "{% include 'x' %} ~ include",
        "{{ strftime_now('%Q') }} ~ %Q",
        "{{ raise_exception('only users here') }} ~ only users here"
    })
    void whatIsNotSupportedIsRefused(String template, String named) {
        assertThatThrownBy(() -> new ChatTemplate(template, "my.jinja").render(HELLO, MARKS)).isInstanceOf(ChatTemplateException.class)
                .hasMessageStartingWith("[chat template] my.jinja, line 1: ").hasMessageContaining(named);
    }

    @Test
    void toolsAndDocumentsAreNoneAndOtherVariablesAreHandedOver() {
        var template = new ChatTemplate("{{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} {{ enable_thinking is defined }} "
                + "{{ bos_token }}",
                "my.jinja");
        assertThat(template.render(HELLO, MARKS)).isEqualTo("True True True False <s>");
        assertThat(template.render(Map.of("messages", List.of(), "tools", List.of(Map.of()), "add_generation_prompt", false, "enable_thinking", true),
                MARKS, LocalDateTime::now)).isEqualTo("False True False True <s>");
    }

    @Test
    void theClockIsNow() {
        assertThat(new ChatTemplate("{{ strftime_now('%Y')|length }}", "my.jinja").render(HELLO, MARKS)).isEqualTo("4");
        assertThat(new ChatTemplate("{{ strftime_now('%d %b %Y') if strftime_now is defined }}", "my.jinja")
                .render(Map.of(), MARKS, () -> LocalDateTime.of(2026, 3, 5, 7, 8, 9))).isEqualTo("05 Mar 2026");
    }

    @Test
    void ofTemplatesByNameTheOneForToolsIsTakenWithTools() throws IOException {
        Path config = directory.resolve("tokenizer_config.json");
        Files.writeString(config, """
                {"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "usual"}]}""");
        assertThat(ChatTemplate.read(directory, true)).get().extracting(ChatTemplate::source).isEqualTo("tools");
        assertThat(ChatTemplate.named(config.toString()).source()).isEqualTo("usual");
        Files.writeString(config, "{\"chat_template\": {\"default\": \"usual\", \"rag\": \"other\"}}");
        assertThat(ChatTemplate.read(directory, true)).get().extracting(ChatTemplate::source).isEqualTo("usual");
        Files.writeString(config, "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"a\"}, {\"name\": \"tool_use\", \"template\": \"b\"}]}");
        assertThatThrownBy(() -> ChatTemplate.read(directory)).isInstanceOf(ChatTemplateException.class).hasMessageContaining("rag, tool_use")
                .hasMessageContaining("none named default");
        Files.createDirectories(directory.resolve("additional_chat_templates"));
        Files.writeString(directory.resolve("chat_template.jinja"), "file");
        Files.writeString(directory.resolve("additional_chat_templates/tool_use.jinja"), "tools file");
        assertThat(ChatTemplate.read(directory)).get().extracting(ChatTemplate::source).isEqualTo("file");
        assertThat(ChatTemplate.read(directory, true)).get().extracting(ChatTemplate::source).isEqualTo("tools file");
        Files.writeString(config, "{\"other\": 1}");
        assertThatThrownBy(() ->
                ChatTemplate.named(config.toString())).isInstanceOf(ChatTemplateException.class).hasMessageContaining("no field chat_template");
    }

    @Test
    void aTemplateThatCannotBeReadIsNamed() throws IOException {
        assertThatThrownBy(() -> ChatTemplate.named("nowhere.jinja")).isInstanceOf(ChatTemplateException.class).hasMessageContaining("nowhere.jinja");
        Files.writeString(directory.resolve("tokenizer_config.json"), "{");
        assertThatThrownBy(() -> ChatTemplate.read(directory)).isInstanceOf(ChatTemplateException.class).hasMessageContaining("not JSON");
    }
}

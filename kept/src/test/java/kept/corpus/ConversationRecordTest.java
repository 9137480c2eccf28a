package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConversationRecordTest {
    @TempDir
    private Path folder;

    @Test
    void messagesAreTakenAsTheyAre() throws IOException {
        Document document = read("""
                {"id": 1, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null, "tool_calls": [{"id": 1.5}]},
                """.strip() + """
                {"role": "tool", "content": "4", "name": "f"}], "tools": [{"type": "function"}]}""", "text").getFirst();
        assertThat(document.name()).isEqualTo("a.jsonl#1");
        Document.Conversation conversation = document.conversation().orElseThrow();
        assertThat(conversation.place()).isEqualTo("[corpus] %s, line 1 (byte 0)".formatted(folder.resolve("a.jsonl")));
        Map<String, Object> calling = new LinkedHashMap<>(Map.of("role", "assistant", "tool_calls", List.of(Map.of("id", 1.5))));
        calling.put("content", null);
        assertThat(conversation.messages()).containsExactly(Map.of("role", "user", "content", "Hi"), calling,
                Map.of("role", "tool", "content", "4", "name", "f"));
        assertThat(conversation.tools()).contains(List.of(Map.of("type", "function")));
        assertThat(document.characters()).isEqualTo(3);
    }

    @Test
    void shareGptsFormBecomesMessages() throws IOException {
        assertThat(messages("""
                {"system": "Be brief.", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}""", "text"))
                .containsExactly(Map.of("role", "system", "content", "Be brief."), Map.of("role", "user", "content", "Hi"),
                        Map.of("role", "assistant", "content", "Hello"));
    }

    @Test
    void aNamedFieldGoesFirstAndATextBeforeMessages() throws IOException {
        String record = "{\"text\": \"plain\", \"dialogue\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"messages\": []}";
        assertThat(read(record, "text")).containsExactly(new Document("a.jsonl#1", "plain"));
        assertThat(messages(record, "dialogue")).containsExactly(Map.of("role", "user", "content", "Hi"));
    }

    @Test
    void partsOfTextAreJoined() throws IOException {
        assertThat(messages("""
                {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}""", "text"))
                .containsExactly(Map.of("role", "user", "content", "ab"));
    }

    @Test
    void aConversationWithoutMessagesIsCountedAsARecordWithoutText() throws IOException {
        Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"messages\": []}\n{\"conversations\": null}\n{\"text\": \"x\"}\n");
        try (DocumentReader reader = Corpus.of(List.of(file), "text").open()) {
            assertThat(reader.next().text()).isEqualTo("x");
            assertThat(reader.next()).isNull();
            assertThat(reader.extent().passedOver().emptyRecords()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"messages\": [{\"role\": \"user\"}]}|message 1 of \"messages\" (user) has no \"content\"",
        "{\"messages\": [{\"role\": \"user\", \"content\": null}]}|message 1 of \"messages\" (user) has no \"content\"",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"content\": \"x\"}]}|message 2 of \"messages\" has no \"role\"",
        "{\"messages\": [{\"role\": \"user\", \"content\": 3}]}|message 1 of \"messages\" has no text as \"content\" but 3",
        "{\"messages\": [7]}|message 1 of \"messages\" is no object",
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image\"}]}]}|has a part that is no text: {type=image}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"\\ud83d\"}]}|half of a surrogate pair",
        "{\"conversations\": [{\"from\": \"alien\", \"value\": \"x\"}]}|message 1 of \"conversations\" is from alien, which is none of",
        "{\"conversations\": [{\"from\": \"human\"}]}|message 1 of \"conversations\" (user) has no \"content\"",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": \"{\"}|the text in field \"tools\" is not JSON",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": \"[], \\\"a\\\": 1\"}|the text in field \"tools\" is not JSON",
        "{\"dialog\": []}|has no field \"text\"; its fields are [dialog]; --text-field",
    })
    void whatIsNoConversationIsToldWithItsLine(String line, String problem) throws IOException {
        assertThatThrownBy(() -> read("{\"text\": \"good\"}\n" + line, "text")).isInstanceOf(CorpusException.class)
                .hasMessageContaining("[corpus] %s, line 2 (byte 17)".formatted(folder.resolve("a.jsonl"))).hasMessageContaining(problem)
                .message().doesNotContain("\n");
    }

    private List<Map<String, Object>> messages(String record, String field) throws IOException {
        return read(record, field).getFirst().conversation().orElseThrow().messages();
    }

    private List<Document> read(String content, String field) throws IOException {
        List<Document> documents = new ArrayList<>();
        Path file = Files.writeString(folder.resolve("a.jsonl"), content + "\n");
        try (DocumentReader reader = Corpus.of(List.of(file), field).open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                documents.add(document);
            }
        }
        return documents;
    }
}

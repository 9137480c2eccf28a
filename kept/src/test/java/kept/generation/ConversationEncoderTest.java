package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.Fixtures;
import kept.corpus.CorpusException;
import kept.corpus.Document;
import kept.corpus.TokenMask;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConversationEncoderTest {
    private static final String ORION = ChatTemplate.orion().source();
    private static final String CHAT_ML = "{% for m in messages %}{{ '[' + m.role + ']' + m.content | trim + '</s>' }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}";
    private static final String PLACE = "[corpus] chats.jsonl, line 7 (byte 123)";

    private static Tokenizer tokenizer;

    @TempDir
    private Path folder;

    @BeforeAll
    static void load() {
        tokenizer = Tokenizer.load(Fixtures.path("tokenizer"));
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @Test
    void specialTokensOfTheTemplateAreTokensAndThoseOfMessagesAreText() {
        int[] ids = encode(ORION, LossTokens.ALL, user("What is </s>?"), assistant("<s>The end</s> mark."));
        int bos = tokenizer.bos().orElseThrow();
        int eos = tokenizer.eos().orElseThrow();
        assertThat(ids[0]).isEqualTo(bos);
        assertThat(Arrays.stream(ids).filter(id -> id == bos).count()).isEqualTo(1);
        assertThat(Arrays.stream(ids).filter(id -> id == eos).count()).isEqualTo(2);
        assertThat(ids).isEqualTo(join(new int[] {bos}, tokenizer.encode("Human: What is </s>?\n\nAssistant: "), new int[] {eos},
                tokenizer.encode("<s>The end</s> mark."), new int[] {eos}));
    }

    @Test
    void theAssistantsTokensAreItsWordsAndTheEndOfItsTurn() {
        int[] ids = encode(ORION, LossTokens.ASSISTANT, user("One?"), assistant("Two."), user("Three?"), assistant("Four."));
        assertThat(TokenMask.ids(ids)).isEqualTo(encode(ORION, LossTokens.ALL, user("One?"), assistant("Two."), user("Three?"), assistant("Four.")));
        int eos = tokenizer.eos().orElseThrow();
        assertThat(Arrays.stream(ids).filter(id -> !TokenMask.isMasked(id)).toArray()).isEqualTo(join(
                tokenizer.encode("Two."), new int[] {eos}, tokenizer.encode("Four."), new int[] {eos}));
    }

    @Test
    void thePromptOfATemplateIsNotTheAssistants() {
        int[] ids = encode(CHAT_ML, LossTokens.ASSISTANT, user("One?"), assistant(" Two. "));
        int[] learnt = Arrays.stream(ids).filter(id -> !TokenMask.isMasked(id)).toArray();
        assertThat(learnt[learnt.length - 1]).isEqualTo(tokenizer.eos().orElseThrow());
        assertThat(tokenizer.decode(learnt)).isEqualTo("Two.");
        assertThat(tokenizer.decode(TokenMask.ids(ids))).isEqualTo("[user]One? [assistant]Two.");
    }

    @Test
    void textsAreLearntAsAWholeAndEnd() {
        var document = new Document("a.txt#1", "A text.");
        assertThat(encoder(Optional.of(ORION), LossTokens.ASSISTANT, tokenizer.vocabularySize()).encode(document))
                .isEqualTo(tokenizer.encode("A text.", false, true));
    }

    @Test
    void aMessageThatTheTemplateLeavesOutIsTold() {
        assertThatThrownBy(() -> encode(ORION, LossTokens.ALL, Map.of("role", "system", "content", "Be brief."), user("One?"), assistant("Two.")))
                .isInstanceOf(CorpusException.class).hasMessageStartingWith(PLACE + ": ").hasMessageContaining("leaves out message 1 (system)")
                .hasMessageContaining("--chat-template");
        assertThatThrownBy(() -> encode(ORION, LossTokens.ALL, user("One?"), Map.of("role", "tool", "content", "2"), assistant("Two.")))
                .hasMessageContaining("leaves out message 2 (tool)");
    }

    /** What a message says may occur in another one, or be said twice. */
    @Test
    void aMessageThatIsLeftOutIsToldAlsoIfAnotherSaysTheSame() {
        assertThatThrownBy(() -> encode(ORION, LossTokens.ALL, Map.of("role", "system", "content", "Be brief."), user("Be brief. Why?"),
                assistant("So."))).hasMessageContaining("leaves out message 1 (system)");
        assertThat(encode(ORION, LossTokens.ALL, user("Yes"), assistant("Yes"), user("Yes"), assistant("No, yes: Yes"))).isNotNull();
    }

    @Test
    void anErrorOfTheTemplateIsToldWithItsPlace() {
        String strict = "{% if messages[0].role != 'user' %}{{ raise_exception('begin with the user') }}{% endif %}" + CHAT_ML;
        assertThatThrownBy(() -> encode(strict, LossTokens.ALL, assistant("Two."))).isInstanceOf(CorpusException.class)
                .hasMessageStartingWith(PLACE + ": ").hasMessageContaining("begin with the user");
        assertThatThrownBy(() -> encode("{{ messages[0].content + 1 }}", LossTokens.ALL, user("One?"))).hasMessageStartingWith(PLACE);
        assertThatThrownBy(() -> encode("{{ '' }}", LossTokens.ALL, user(" "))).hasMessageStartingWith(PLACE).hasMessageContaining("empty text");
    }

    @Test
    void aTemplateThatWritesAMessageAnewHasNoAssistantsTokens() {
        String renewing = "{% for m in messages %}{{ m.role if loop.last else 'earlier' }}: {{ m.content }}\n{% endfor %}";
        assertThat(encode(renewing, LossTokens.ALL, user("One?"), assistant("Two."), user("Three?"))).isNotEmpty();
        assertThatThrownBy(() -> encode(renewing, LossTokens.ASSISTANT, user("One?"), assistant("Two."), user("Three?")))
                .isInstanceOf(CorpusException.class).hasMessageStartingWith(PLACE).hasMessageContaining("message 2 (assistant)")
                .hasMessageContaining("--loss-on all");
    }

    @Test
    void aModelWithoutTemplateNeedsOne() throws IOException {
        var document = document(List.of(user("One?")));
        var encoder = encoder(Optional.empty(), LossTokens.ALL, tokenizer.vocabularySize());
        assertThatThrownBy(() -> encoder.encode(document)).isInstanceOf(CorpusException.class).hasMessageStartingWith(PLACE)
                .hasMessageContaining(folder + " has no chat template").hasMessageContaining("--chat-template FILE");
        Files.writeString(folder.resolve("chat_template.jinja"), CHAT_ML);
        assertThat(tokenizer.decode(encoder.encode(document))).isEqualTo("[user]One?");
    }

    @Test
    void aTokenBeyondTheModelsEmbeddingsIsTold() {
        var encoder = encoder(Optional.of(ORION), LossTokens.ALL, 2);
        assertThatThrownBy(() -> encoder.encode(document(List.of(user("One?"))))).isInstanceOf(CorpusException.class).hasMessageStartingWith(PLACE)
                .hasMessageContaining("embeddings up to 1");
    }

    @Test
    void aTemplateThatWritesTheDateWritesOneThatDoesNotChange() {
        assertThat(tokenizer.decode(encode("{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}", LossTokens.ALL, user("One?"))))
                .isEqualTo("26 Jul 2024 One?");
    }

    @SafeVarargs
    @SuppressWarnings("varargs")
    private int[] encode(String template, LossTokens loss, Map<String, Object>... messages) {
        return encoder(Optional.of(template), loss, tokenizer.vocabularySize()).encode(document(List.of(messages)));
    }

    private ConversationEncoder encoder(Optional<String> template, LossTokens loss, int vocabulary) {
        return new ConversationEncoder(tokenizer, vocabulary, new ChatTemplates(folder, template), loss);
    }

    private static Document document(List<Map<String, Object>> messages) {
        return new Document("chats.jsonl#7", "", Optional.of(new Document.Conversation(PLACE, messages, Optional.empty())));
    }

    private static Map<String, Object> user(String content) {
        return Map.of("role", "user", "content", content);
    }

    private static Map<String, Object> assistant(String content) {
        return Map.of("role", "assistant", "content", content);
    }

    private static int[] join(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }
}

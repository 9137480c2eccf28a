package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import kept.corpus.LetterTokenizer;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;

class TextStreamTest {
    private static final Tokenizer LETTERS = new LetterTokenizer();

    private final List<String> shown = new ArrayList<>();

    private TextStream stream(String... stops) {
        return new TextStream(LETTERS, LETTERS.encode("prompt: "), List.of(stops), shown::add);
    }

    /** Feeds characters until the stream ends; tells how many it took. */
    private static int feed(TextStream stream, String text) {
        for (int i = 0; i < text.length(); i++) {
            if (!stream.accept(text.charAt(i))) {
                return i + 1;
            }
        }
        stream.finish();
        return text.length();
    }

    @Test
    void aStopStringSpreadOverTokensEndsTheTextAndIsNotShown() {
        TextStream stream = stream("Human:", "###");
        assertThat(feed(stream, "Hello\nHuman: more")).isEqualTo("Hello\nHuman:".length());
        assertThat(stream.text()).isEqualTo("Hello\n");
        assertThat(shown).containsExactly("He", "l", "l", "o", "\n");
    }

    @Test
    void whatOnlyBeganLikeAStopStringIsShownAfterAll() {
        TextStream stream = stream("Human:");
        feed(stream, "A Humming Hum");
        assertThat(stream.text()).isEqualTo("A Humming Hum");
        assertThat(String.join("", shown)).isEqualTo("A Humming Hum");
        assertThat(shown).contains("Humm").endsWith("Hum");
    }

    @Test
    void theEarliestOfSeveralStopStringsCounts() {
        TextStream stream = stream("bc", "abcd");
        feed(stream, "xabcd");
        assertThat(stream.text()).isEqualTo("xa");
        assertThat(String.join("", shown)).isEqualTo("xa");
    }

    @Test
    void aStopStringInThePromptDoesNotEndTheText() {
        TextStream stream = stream("prompt");
        feed(stream, "fine");
        assertThat(stream.text()).isEqualTo("fine");
    }

    @Test
    void aStopStringWhoseBeginningRepeatsIsFound() {
        TextStream stream = stream("aab");
        feed(stream, "aaaab!");
        assertThat(stream.text()).isEqualTo("aa");
    }

    /** Two thirds of the ids are single bytes, so that characters are whole, broken and cut off at both ends. */
    @Test
    void thePiecesOfAnyIdsAreTheirTextAfterThePrompt() {
        try (Tokenizer tokenizer = Tokenizer.load(Path.of("src", "main", "resources", "kept", "demo"))) {
            var random = new Random(5);
            for (int run = 0; run < 1000; run++) {
                int[] ids = random.ints(1 + random.nextInt(10), 0, 300).map(id -> random.nextInt(3) > 0 ? 3 + id % 256 : id).toArray();
                int[] prompt = Arrays.copyOf(ids, random.nextInt(ids.length));
                var text = new StringBuilder();
                var stream = new TextStream(tokenizer, prompt, List.of(), text::append);
                for (int i = prompt.length; i < ids.length; i++) {
                    stream.accept(ids[i]);
                }
                stream.finish();
                String all = tokenizer.decode(ids);
                int added = Arrays.mismatch(tokenizer.decode(prompt).toCharArray(), all.toCharArray());
                assertThat(text.toString()).as("%s after %d", Arrays.toString(ids), prompt.length).isEqualTo(added < 0 ? "" : all.substring(added));
            }
        }
    }
}

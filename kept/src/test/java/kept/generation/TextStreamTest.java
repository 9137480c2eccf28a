package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
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
}

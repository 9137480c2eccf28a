package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;

class TextStreamTest {
    /** A token for each character, its code. */
    private static final Tokenizer LETTERS = new Tokenizer() {
        @Override
        public int[] encode(String text) {
            return text.chars().toArray();
        }

        @Override
        public String decode(int... ids) {
            return new String(ids, 0, ids.length);
        }

        @Override
        public int vocabularySize() {
            return Character.MAX_VALUE;
        }

        @Override
        public OptionalInt bos() {
            return OptionalInt.empty();
        }

        @Override
        public OptionalInt eos() {
            return OptionalInt.empty();
        }

        @Override
        public String description() {
            return "letters";
        }

        @Override
        public void close() {
            // Nothing is held.
        }
    };

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

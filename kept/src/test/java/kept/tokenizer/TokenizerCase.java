package kept.tokenizer;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;

/**
 * A text with the ids and the decoded text that SentencePiece itself gave for the fixture's model.
 *
 * @param text the text
 * @param ids its ids
 * @param decoded the text of those ids
 */
record TokenizerCase(String text, int[] ids, String decoded) {

    static List<TokenizerCase> all() throws IOException {
        try (InputStream json = resource("cases.json")) {
            return List.of(new ObjectMapper().readValue(json, TokenizerCase[].class));
        }
    }

    static byte[] model() throws IOException {
        try (InputStream model = resource("tokenizer.model")) {
            return model.readAllBytes();
        }
    }

    private static InputStream resource(String name) {
        return Objects.requireNonNull(TokenizerCase.class.getResourceAsStream(name), name);
    }

    @Override
    public String toString() {
        return '"' + text.replace("\n", "\\n") + '"';
    }
}

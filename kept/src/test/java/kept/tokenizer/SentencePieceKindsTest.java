package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The library sees a model that was read, checked and written again; the ids are those that SentencePiece gives for the file. */
class SentencePieceKindsTest {
    static Collection<String> names() throws IOException {
        return SentencePieceKinds.cases().keySet();
    }

    @ParameterizedTest
    @MethodSource("names")
    void everyKindGivesTheIdsAndTextsOfSentencePiece(String name) throws IOException {
        Map<String, List<TokenizerCase>> cases = SentencePieceKinds.cases();
        assertThat(cases.get(name)).hasSizeGreaterThan(100);
        try (var tokenizer = Tokenizer.ofSentencePiece(SentencePieceKinds.model(name), name)) {
            for (TokenizerCase golden : cases.get(name)) {
                assertThat(tokenizer.encode(golden.text())).as("ids of %s", golden).containsExactly(golden.ids());
                assertThat(tokenizer.decode(golden.ids())).as("text of %s", golden).isEqualTo(golden.decoded());
            }
        }
    }
}

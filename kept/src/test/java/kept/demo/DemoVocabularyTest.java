package kept.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoVocabularyTest {

    @Test
    void hasTheSizeAndMarksItsProvenanceSays() {
        try (Tokenizer tokenizer = DemoVocabulary.open()) {
            assertThat(tokenizer.vocabularySize()).isEqualTo(2048);
            assertThat(tokenizer.bos()).hasValue(1);
            assertThat(tokenizer.eos()).hasValue(2);
        }
    }

    @Test
    void keepsIndentationAndWhatItHasNoPieceFor() {
        String text = "class A {\n        int x = 1;   // caf\u00e9 \uD83D\uDE80\n\t}\n";
        try (Tokenizer tokenizer = DemoVocabulary.open()) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
            assertThat(tokenizer.encode("\n        return the value")).as("space before the text, line end, indentation, words").hasSizeLessThan(9);
        }
    }

    @Test
    void isTheFileThatTheProvenanceDescribes(@TempDir Path directory) throws IOException, GeneralSecurityException {
        DemoVocabulary.writeTo(directory);
        byte[] model = Files.readAllBytes(directory.resolve("tokenizer.model"));
        JsonNode provenance = new ObjectMapper().readTree(DemoVocabulary.provenance());
        assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(model)))
                .isEqualTo(provenance.path("model").path("sha256").asText());
    }

    @Test
    void itsTokenizerJsonGivesTheSameIds(@TempDir Path source, @TempDir Path target) throws IOException {
        DemoVocabulary.writeTo(source);
        TokenizerFiles.write(source, target, 1024, TokenizerFiles.Options.NONE);
        Files.delete(target.resolve("tokenizer.model"));
        try (Tokenizer model = Tokenizer.load(source); Tokenizer json = Tokenizer.load(target);
                var reader = JdkSources.ofShipped().code().open()) {
            for (int i = 0; i < 20; i++) {
                String text = reader.next().text();
                assertThat(json.encode(text)).containsExactly(model.encode(text));
            }
        }
    }
}

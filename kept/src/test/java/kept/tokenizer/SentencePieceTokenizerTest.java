package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SentencePieceTokenizerTest {
    private static Tokenizer tokenizer;

    @BeforeAll
    static void load() throws IOException {
        tokenizer = Tokenizer.ofSentencePiece(TokenizerCase.model(), "tokenizer.model");
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    static List<TokenizerCase> cases() throws IOException {
        return TokenizerCase.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void encodesAsSentencePieceDoes(TokenizerCase golden) {
        assertThat(tokenizer.encode(golden.text())).containsExactly(golden.ids());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void decodesAsSentencePieceDoes(TokenizerCase golden) {
        assertThat(tokenizer.decode(golden.ids())).isEqualTo(golden.decoded());
    }

    @Test
    void aZeroAndCharactersBeyondTheBasicPlaneSurviveTheRoundTrip() {
        String text = "a\0b \uD83D\uDE42 \uD835\uDD6C \uD83D\uDC69\u200D\uD83D\uDE80";
        // U+1D56C and U+1F469 have no piece: four bytes each.
        assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    }

    @Test
    void bytesThatSpellNothingBecomeReplacementCharacters() {
        int byte0 = 3;
        assertThat(tokenizer.decode(byte0 + 0xF0, byte0 + 0x9F, byte0 + 'A', byte0 + 0xC3, byte0 + 0xA9, byte0 + 0xE2))
                .isEqualTo("\uFFFD\uFFFDA\u00E9\uFFFD");
    }

    /** The pieces used here are of the basic plane, which DJL's own decoder hands over whole. */
    @Test
    void decodingAgreesWithTheNativeDecoder() throws IOException {
        var random = new SplittableRandom(5);
        var model = SentencePieceModel.parse(TokenizerCase.model(), "tokenizer.model");
        int[] usable = IntStream.range(0, model.pieces().size())
                .filter(id -> id != 3 && model.pieces().get(id).text().chars().noneMatch(c -> Character.isSurrogate((char) c)))
                .filter(id -> model.pieces().get(id).type() != SentencePieceModel.Type.BYTE
                        || (model.pieces().get(id).value() & 0xFF) < 0xF0).toArray();
        NativeLibraries.prepare();
        try (var library = new ai.djl.sentencepiece.SpTokenizer(TokenizerCase.model())) {
            for (int round = 0; round < 300; round++) {
                int[] ids = random.ints(1 + round % 17, 0, usable.length).map(i -> usable[i]).toArray();
                assertThat(tokenizer.decode(ids)).as(Arrays.toString(ids)).isEqualTo(library.getProcessor().decode(ids));
            }
        }
    }

    @Test
    void specialTokensAreAddedOnlyOnRequest() {
        assertThat(tokenizer.bos()).hasValue(1);
        assertThat(tokenizer.eos()).hasValue(2);
        int[] plain = tokenizer.encode("fox");
        assertThat(tokenizer.encode("fox", false, false)).containsExactly(plain);
        assertThat(tokenizer.encode("fox", true, true)).startsWith(1).endsWith(2).hasSize(plain.length + 2);
        assertThat(tokenizer.decode(tokenizer.encode("fox", true, true))).isEqualTo("fox");
    }

    @Test
    void manyThreadsGetTheSameIds() throws IOException {
        List<TokenizerCase> cases = TokenizerCase.all();
        IntStream.range(0, 2000).parallel().forEach(i -> {
            TokenizerCase golden = cases.get(i % cases.size());
            assertThat(tokenizer.encode(golden.text())).containsExactly(golden.ids());
        });
    }

    @Test
    void aVocabularyLargerThanTheModelsIsRefused() {
        tokenizer.requireVocabulary(420);
        tokenizer.requireVocabulary(84_608);
        assertThatThrownBy(() -> tokenizer.requireVocabulary(419)).isInstanceOf(TokenizerException.class)
                .hasMessageContaining("ids up to 419").hasMessageContaining("vocab_size 419");
    }

    @Test
    void idsOutsideTheVocabularyHaveNoTextAndNegativeOnesAreRefused() {
        int[] fox = tokenizer.encode("fox");
        int[] padded = IntStream.concat(IntStream.of(fox), IntStream.of(420, 84_607)).toArray();
        assertThat(tokenizer.decode(padded)).as("rows that pad a model's vocabulary have no text").isEqualTo("fox");
        assertThatThrownBy(() -> tokenizer.decode(5, -1)).isInstanceOf(TokenizerException.class).hasMessageContaining("id -1");
    }

    @Test
    void textsBeyondALengthAreRefused() {
        assertThatThrownBy(() -> tokenizer.encode("a".repeat(32_000_001))).isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll("[encode]", "32,000,001 characters", "tokenizer.model", "cut it");
    }

    @Test
    void aDirectoryWithoutATokenizerIsNamed(@TempDir Path directory) {
        assertThatThrownBy(() -> Tokenizer.load(directory)).isInstanceOf(TokenizerException.class)
                .hasMessageContaining(directory.toString()).hasMessageContaining("tokenizer.model").hasMessageContaining("tokenizer.json");
    }

    @Test
    void aModelCutShortOrOfAnotherKindIsNamed(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("tokenizer.model");
        byte[] whole = TokenizerCase.model();
        for (int length : new int[] {0, 1, 10, 3000, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Tokenizer.load(directory)).as("%d bytes", length).isInstanceOf(TokenizerException.class)
                    .hasMessageContaining(file.toString());
        }
        Files.writeString(file, "{\"this\": \"is JSON\"}");
        assertThatThrownBy(() -> Tokenizer.load(directory)).isInstanceOf(TokenizerException.class).hasMessageContaining(file.toString());
    }

    @Test
    void theModelIsPreferredAndTheDescriptionSaysSo(@TempDir Path directory) throws IOException {
        Files.write(directory.resolve("tokenizer.model"), TokenizerCase.model());
        Files.writeString(directory.resolve("tokenizer.json"), "{}");
        try (var loaded = Tokenizer.load(directory)) {
            assertThat(loaded.description()).contains("tokenizer.model").contains("SentencePiece BPE").contains("420");
        }
    }
}

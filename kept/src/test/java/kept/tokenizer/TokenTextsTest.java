package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import kept.tokenizer.Vocabulary.ByteLevel;
import kept.tokenizer.Vocabulary.Kind;
import kept.tokenizer.Vocabulary.Splitting;
import kept.tokenizer.Vocabulary.Token;
import org.junit.jupiter.api.Test;

/** What single tokens are to a reader. */
class TokenTextsTest {
    @Test
    void piecesOfSentencePieceAreToldApartByTheirText() {
        TokenTexts texts = texts(Optional.empty(), token("<unk>", Kind.UNKNOWN), token("</s>", Kind.CONTROL), token("<0x0A>", Kind.BYTE),
                token("▁the", Kind.NORMAL), token("ing", Kind.NORMAL), token("▁", Kind.NORMAL), token("\n", Kind.NORMAL),
                token("▁12", Kind.NORMAL),
                token("▁{@", Kind.NORMAL), token("▁한국", Kind.NORMAL), token("文字", Kind.NORMAL), token("カ", Kind.NORMAL),
                token("▁мир", Kind.NORMAL),
                token("utf8", Kind.NORMAL), token("<|user|>", Kind.USER_DEFINED), token("École", Kind.NORMAL),
                token("<0xE2>", Kind.BYTE));
        assertThat(classes(texts, 18)).containsExactly(TokenClass.SPECIAL, TokenClass.SPECIAL, TokenClass.WHITE_SPACE, TokenClass.LATIN_START,
                TokenClass.LATIN_CONTINUATION, TokenClass.WHITE_SPACE, TokenClass.WHITE_SPACE, TokenClass.DIGITS, TokenClass.PUNCTUATION,
                TokenClass.HANGUL, TokenClass.CJK, TokenClass.CJK, TokenClass.OTHER_LETTERS, TokenClass.LATIN_CONTINUATION,
                TokenClass.LATIN_CONTINUATION, TokenClass.LATIN_CONTINUATION, TokenClass.BYTES, TokenClass.SPECIAL);
        assertThat(texts.text(3)).isEqualTo(" the");
        assertThat(texts.text(1)).isEqualTo("</s>");
        assertThat(texts.text(2)).as("a byte that is a character").isEqualTo("\n");
        assertThat(texts.text(16)).isEqualTo("<0xE2>");
        assertThat(texts.text(17)).as("an id that no text gets").isEqualTo("[PAD17]");
    }

    @Test
    void signsOfAByteLevelTokenizerAreTheBytesTheyStandFor() {
        TokenTexts texts = texts(Optional.of(new ByteLevel(List.of(), Splitting.GPT2)), token("Ġthe", Kind.NORMAL), token("Ċ", Kind.NORMAL),
                token("íķľ", Kind.NORMAL), token("íķ", Kind.NORMAL), token("ĉ", Kind.NORMAL), token("<|end|>", Kind.CONTROL),
                token("Â\u0143", Kind.NORMAL));
        assertThat(texts.text(0)).isEqualTo(" the");
        assertThat(texts.text(1)).isEqualTo("\n");
        assertThat(texts.text(2).getBytes(StandardCharsets.UTF_8)).isEqualTo(new byte[] {(byte) 0xED, (byte) 0x95, (byte) 0x9C});
        assertThat(texts.text(3)).as("two bytes of three").isEqualTo("íķ");
        assertThat(texts.text(6)).as("byte 173 is the last of those that are moved").isEqualTo("\u00AD");
        assertThat(classes(texts, 6)).containsExactly(TokenClass.LATIN_START, TokenClass.WHITE_SPACE, TokenClass.HANGUL, TokenClass.BYTES,
                TokenClass.WHITE_SPACE, TokenClass.SPECIAL);
    }

    private static TokenClass[] classes(TokenTexts texts, int count) {
        var classes = new TokenClass[count];
        for (int id = 0; id < count; id++) {
            classes[id] = texts.classOf(id);
        }
        return classes;
    }

    private static TokenTexts texts(Optional<ByteLevel> byteLevel, Token... tokens) {
        return TokenTexts.of(new Vocabulary(List.of(tokens), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(),
                Optional.empty(), Optional.empty(), true, false, false, Optional.empty(), byteLevel, List.of()));
    }

    private static Token token(String text, Kind kind) {
        return new Token(text, 0, kind);
    }
}

package kept.tokenizer;

import java.lang.Character.UnicodeScript;

/** What a token is to a reader, by its text alone. Letters go before digits, digits before signs. */
public enum TokenClass {
    /** A word of Latin letters, or its beginning, with the space before it. */
    LATIN_START("Latin, space before"),
    /** The rest of such a word, or one that follows a sign or a line break. */
    LATIN_CONTINUATION("Latin, no space before"),
    /** Korean. */
    HANGUL("Hangul"),
    /** Chinese characters and Japanese kana. */
    CJK("Chinese, Japanese"),
    /** Letters of any other script. */
    OTHER_LETTERS("other letters"),
    /** Digits, perhaps with signs. */
    DIGITS("digits"),
    /** Punctuation and other signs. */
    PUNCTUATION("punctuation"),
    /** Nothing but spaces, tabs and line breaks. */
    WHITE_SPACE("white space"),
    /** One byte of a character that the vocabulary cannot spell otherwise, or a few that are no whole character. */
    BYTES("bytes"),
    /** Marks, such as the end of a text, and what stands for unknown characters. */
    SPECIAL("special");

    private final String label;

    TokenClass(String label) {
        this.label = label;
    }

    /**
     * What a table calls it.
     *
     * @return a few words
     */
    public String label() {
        return label;
    }

    /** The class of a text; not empty. */
    static TokenClass of(String text) {
        if (text.isBlank()) {
            return WHITE_SPACE;
        }
        int letter = text.codePoints().filter(Character::isLetter).findFirst().orElse(-1);
        if (letter >= 0) {
            return switch (UnicodeScript.of(letter)) {
                case LATIN -> Character.isWhitespace(text.codePointAt(0)) ? LATIN_START : LATIN_CONTINUATION;
                case HANGUL -> HANGUL;
                case HAN, HIRAGANA, KATAKANA -> CJK;
                default -> OTHER_LETTERS;
            };
        }
        return text.codePoints().anyMatch(Character::isDigit) ? DIGITS : PUNCTUATION;
    }
}

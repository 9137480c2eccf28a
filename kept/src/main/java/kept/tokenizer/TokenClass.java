package kept.tokenizer;

import java.lang.Character.UnicodeScript;

/** Classifies a token by its text alone. Letters take precedence over digits, and digits over punctuation. */
public enum TokenClass {
    /** A word of Latin letters or its first part, with a preceding space. */
    LATIN_START("Latin, space before"),
    /** The rest of such a word, or one after punctuation or a line break. */
    LATIN_CONTINUATION("Latin, no space before"),
    /** Korean. */
    HANGUL("Hangul"),
    /** Chinese characters and Japanese kana. */
    CJK("Chinese, Japanese"),
    /** Letters of any other script. */
    OTHER_LETTERS("other letters"),
    /** Digits, possibly with punctuation. */
    DIGITS("digits"),
    /** Punctuation and symbols. */
    PUNCTUATION("punctuation"),
    /** Only spaces, tabs and line breaks. */
    WHITE_SPACE("white space"),
    /** A byte of a character that has no token of its own, or bytes that are not a complete character. */
    BYTES("bytes"),
    /** Special tokens, such as the end of a text, and the unknown token. */
    SPECIAL("special");

    private final String label;

    TokenClass(String label) {
        this.label = label;
    }

    /**
     * Its label in tables.
     *
     * @return a few words
     */
    public String label() {
        return label;
    }

    /** Classifies a non-empty text. */
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

package kept.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** The displayed text and the class of single tokens; leading spaces are included. */
public final class TokenTexts {
    /** First code point to which byte-level tokenizers map the bytes that are not visible Latin-1 characters, in order. */
    private static final int MOVED_SIGNS = 256;
    /** Lower bytes are complete UTF-8 characters. */
    private static final int FIRST_MULTIBYTE = 0x80;
    private static final int HEXADECIMAL = 16;

    private final Vocabulary vocabulary;

    private TokenTexts(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
    }

    /**
     * Returns the token texts of a vocabulary.
     *
     * @param vocabulary the vocabulary
     * @return their texts
     */
    public static TokenTexts of(Vocabulary vocabulary) {
        return new TokenTexts(vocabulary);
    }

    /**
     * Returns the token texts of a checkpoint's tokenizer.
     *
     * @param directory the checkpoint's directory
     * @return their texts
     * @throws TokenizerException if the vocabulary cannot be {@linkplain Vocabulary#read read}
     */
    public static TokenTexts read(Path directory) {
        return of(Vocabulary.read(directory));
    }

    /**
     * Returns the text of a token.
     *
     * @param id its id
     * @return its text; the name of a special token, such as {@code </s>}; {@code <0xE2>} for a byte that is not a complete character
     */
    public String text(int id) {
        Vocabulary.Token token = vocabulary.token(id);
        return whole(token).orElse(token.text());
    }

    /**
     * Classifies a token.
     *
     * @param id its id
     * @return its class
     */
    public TokenClass classOf(int id) {
        Vocabulary.Token token = vocabulary.token(id);
        return switch (token.kind()) {
            case CONTROL, UNKNOWN, UNUSED -> TokenClass.SPECIAL;
            case BYTE, NORMAL, USER_DEFINED -> whole(token).filter(text -> !text.isEmpty()).map(TokenClass::of).orElse(TokenClass.BYTES);
        };
    }

    /** The text a token decodes to; empty if it is part of a character. */
    private Optional<String> whole(Vocabulary.Token token) {
        if (token.kind() == Vocabulary.Kind.BYTE) {
            // Vocabularies without a piece for a line break encode it as a byte.
            int value = Integer.parseInt(token.text(), 3, 5, HEXADECIMAL);
            return value < FIRST_MULTIBYTE ? Optional.of(Character.toString(value)) : Optional.empty();
        }
        boolean plain = token.kind() == Vocabulary.Kind.NORMAL;
        if (!plain || vocabulary.byteLevel().isEmpty()) {
            return Optional.of(plain ? token.text().replace(SentencePieceModel.SPACE, ' ') : token.text());
        }
        ByteBuffer bytes = ByteBuffer.allocate(token.text().length());
        token.text().chars().forEach(sign -> bytes.put((byte) byteOf(sign)));
        try {
            return Optional.of(StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString());
        } catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    /**
     * The byte a character of a byte-level tokenizer represents: visible Latin-1 characters represent themselves, those from U+0100 on the
     * other bytes.
     */
    private static int byteOf(int sign) {
        if (sign < MOVED_SIGNS) {
            return sign;
        }
        int place = sign - MOVED_SIGNS;
        // The other bytes are 0 to 32, 127 to 160, and 173.
        return place <= 32 ? place : place <= 66 ? place - 33 + 127 : 173;
    }
}

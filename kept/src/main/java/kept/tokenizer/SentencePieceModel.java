package kept.tokenizer;

import java.util.List;
import java.util.OptionalInt;

/**
 * The content of a SentencePiece model: the pieces by id, and the settings that determine encoding and decoding. The field numbers are those of
 * {@code sentencepiece_model.proto}.
 *
 * @param pieces the pieces, in the order of their ids
 * @param algorithm 1 for unigram, 2 for BPE, 3 for words, 4 for characters
 * @param byteFallback whether text without a piece is encoded as bytes
 * @param unknownSurface the text an unknown piece decodes to
 * @param whitespaceAsSuffix whether the space of a word is at its end instead of its start
 * @param bosPiece the beginning-of-sequence piece
 * @param eosPiece the end-of-sequence piece
 * @param unknownPiece the piece for text that cannot be encoded
 * @param charsMap the compiled normalisation rules
 * @param dummyPrefix whether a space is inserted before the text
 * @param removeExtraSpaces whether runs of spaces are collapsed, and spaces at the ends removed
 * @param escapesSpaces whether spaces are replaced by {@link #SPACE} before pieces are looked up
 */
record SentencePieceModel(List<Piece> pieces, int algorithm, boolean byteFallback, String unknownSurface, boolean whitespaceAsSuffix, String bosPiece,
        String eosPiece, String unknownPiece, CharsMap charsMap, boolean dummyPrefix, boolean removeExtraSpaces, boolean escapesSpaces) {

    /** Represents a space inside pieces. */
    static final char SPACE = '\u2581';

    private static final int BPE = 2;
    private static final List<String> ALGORITHMS = List.of("unigram", "BPE", "word", "character");

    /** The type of a piece; the values in the file are 1 to 6, in this order. */
    enum Type { NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE }

    /**
     * One piece.
     *
     * @param text its text, with {@link #SPACE} for a space; {@code <0x41>} for a byte
     * @param score its score; of two possible merges, the one with the higher score is made
     * @param type what it is
     */
    record Piece(String text, float score, Type type) {
        /** The value of a byte piece. */
        byte value() {
            return (byte) Integer.parseInt(text, 3, 5, 16);
        }
    }

    boolean isBpe() {
        return algorithm == BPE;
    }

    boolean hasKnownAlgorithm() {
        return algorithm >= 1 && algorithm <= ALGORITHMS.size();
    }

    /** The display name of the algorithm. */
    String kind() {
        return ALGORITHMS.get(algorithm - 1);
    }

    /** The id of a control piece, if the vocabulary has one with this text. */
    OptionalInt control(String text) {
        for (int id = 0; id < pieces.size(); id++) {
            if (pieces.get(id).type() == Type.CONTROL && pieces.get(id).text().equals(text)) {
                return OptionalInt.of(id);
            }
        }
        return OptionalInt.empty();
    }

    /**
     * Parses a model and validates everything that SentencePiece does not check.
     *
     * @param bytes the file
     * @param name the file's name, for messages
     * @return the model
     * @throws TokenizerException if the bytes are not a SentencePiece model, or one that no trainer produces
     */
    static SentencePieceModel parse(byte[] bytes, String name) {
        SentencePieceModel model = new SentencePieceReader(name).read(bytes);
        SentencePieceCheck.require(model, name);
        return model;
    }
}

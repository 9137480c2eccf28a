package kept.tokenizer;

import java.util.List;
import java.util.OptionalInt;

/**
 * What is written in a SentencePiece model: the pieces by id, and the few settings that decide how text becomes pieces and how pieces become
 * text. The field numbers are those of {@code sentencepiece_model.proto}.
 *
 * @param pieces the pieces, in the order of their ids
 * @param algorithm 1 for unigram, 2 for BPE, 3 for words, 4 for characters
 * @param byteFallback whether what has no piece is spelled in bytes
 * @param unknownSurface the text an unknown piece decodes to
 * @param whitespaceAsSuffix whether a word ends, not begins, with its space
 * @param bosPiece the piece that marks a beginning
 * @param eosPiece the piece that marks an end
 * @param unknownPiece the piece for what the vocabulary cannot spell
 * @param charsMap the compiled normalisation rules
 * @param dummyPrefix whether a space is put before the text
 * @param removeExtraSpaces whether runs of spaces become one, and those at the ends none
 * @param escapesSpaces whether spaces become {@link #SPACE} before pieces are looked up
 */
record SentencePieceModel(List<Piece> pieces, int algorithm, boolean byteFallback, String unknownSurface, boolean whitespaceAsSuffix, String bosPiece,
        String eosPiece, String unknownPiece, CharsMap charsMap, boolean dummyPrefix, boolean removeExtraSpaces, boolean escapesSpaces) {

    /** The character that stands for a space inside pieces. */
    static final char SPACE = '\u2581';

    private static final int BPE = 2;
    private static final List<String> ALGORITHMS = List.of("unigram", "BPE", "word", "character");

    /** What a piece is; the values of the file are 1 to 6, in this order. */
    enum Type { NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE }

    /**
     * One piece.
     *
     * @param text its text, with {@link #SPACE} for a space; {@code <0x41>} for a byte
     * @param score its score; of two possible merges that with the higher score is made
     * @param type what it is
     */
    record Piece(String text, float score, Type type) {
        /** The byte that a byte piece stands for. */
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

    /** The name of the algorithm, in words. */
    String kind() {
        return ALGORITHMS.get(algorithm - 1);
    }

    /** The id of a mark, if the vocabulary has it as a mark. */
    OptionalInt control(String text) {
        for (int id = 0; id < pieces.size(); id++) {
            if (pieces.get(id).type() == Type.CONTROL && pieces.get(id).text().equals(text)) {
                return OptionalInt.of(id);
            }
        }
        return OptionalInt.empty();
    }

    /**
     * Reads a model and checks all that SentencePiece takes on trust.
     *
     * @param bytes the file
     * @param name the file's name, for messages
     * @return the model
     * @throws TokenizerException if the bytes are no SentencePiece model, or one that no trainer writes
     */
    static SentencePieceModel parse(byte[] bytes, String name) {
        SentencePieceModel model = new SentencePieceReader(name).read(bytes);
        SentencePieceCheck.require(model, name);
        return model;
    }
}

package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.SentencePieceModel.Type;
import org.junit.jupiter.api.Test;

/** Models that a trainer never writes and the native library does not survive, or refuses in words of its own. */
class SentencePieceCheckTest {
    @Test
    void piecesThatCannotBeAreRefused() throws IOException {
        assertRefused("the same text for the pieces 5 and ", with(new Piece("<0x02>", 0, Type.NORMAL)));
        assertRefused("empty", with(new Piece("", 0, Type.NORMAL)));
        assertRefused("holds a zero", with(new Piece("a\0", 0, Type.NORMAL)));
        assertRefused("longer than 1024 bytes", with(new Piece("\u00e9".repeat(513), 0, Type.NORMAL)));
        assertRefused("score is NaN", with(new Piece("new", Float.NaN, Type.NORMAL)));
        assertRefused("score is -Infinity", with(new Piece("new", Float.NEGATIVE_INFINITY, Type.NORMAL)));
        assertRefused("2 pieces for what is unknown", with(new Piece("new", 0, Type.UNKNOWN)));
        assertRefused("0 pieces for what is unknown", pieces -> pieces.stream().filter(piece -> piece.type() != Type.UNKNOWN).toList());
        assertRefused("255 pieces for bytes", pieces -> pieces.stream().filter(piece -> !piece.text().equals("<0x41>")).toList());
        assertRefused("no piece of text", pieces -> pieces.stream().filter(piece -> piece.type() != Type.NORMAL).toList());
    }

    @Test
    void symbolsThatBeginOneAnotherAreBounded() throws IOException {
        byte[] sound = changed(nested(64));
        try (Tokenizer tokenizer = Tokenizer.ofSentencePiece(sound, "m")) {
            assertThat(tokenizer.encode("~".repeat(64))).as("the dummy space and the longest symbol").hasSize(2);
        }
        assertRefused("more than 64 user-defined pieces", nested(65));
    }

    private static UnaryOperator<List<Piece>> nested(int count) {
        return pieces -> {
            List<Piece> more = new ArrayList<>(pieces);
            for (int length = 1; length <= count; length++) {
                more.add(new Piece("~".repeat(length), 0, Type.USER_DEFINED));
            }
            return more.stream().filter(piece -> piece.type() != Type.NORMAL || !piece.text().matches("~+")).toList();
        };
    }

    private static UnaryOperator<List<Piece>> with(Piece piece) {
        return pieces -> {
            List<Piece> more = new ArrayList<>(pieces);
            more.add(piece);
            return more;
        };
    }

    private static byte[] changed(UnaryOperator<List<Piece>> change) throws IOException {
        SentencePieceModel m = SentencePieceModel.parse(TokenizerCase.model(), "sound");
        return SentencePieceWriter.bytes(new SentencePieceModel(change.apply(m.pieces()), m.algorithm(), m.byteFallback(), m.unknownSurface(),
                m.whitespaceAsSuffix(), m.bosPiece(), m.eosPiece(), m.unknownPiece(), m.charsMap(), m.dummyPrefix(), m.removeExtraSpaces(),
                m.escapesSpaces()));
    }

    private static void assertRefused(String problem, UnaryOperator<List<Piece>> change) throws IOException {
        byte[] bytes = changed(change);
        assertThatThrownBy(() -> Tokenizer.ofSentencePiece(bytes, "x.model").close()).isInstanceOf(TokenizerException.class)
                .hasMessageStartingWith("[tokenizer] x.model ").hasMessageContaining(problem);
    }
}

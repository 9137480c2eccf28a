package kept.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.SentencePieceModel.Type;

/**
 * Validates what SentencePiece's native library does not check, or handles by aborting the process: recursion per byte, fixed-size tables,
 * zero-terminated strings.
 */
final class SentencePieceCheck {
    /**
     * Maximum length of a piece in bytes: the library builds its trie with one recursive call per byte. Trainers produce pieces of at most
     * 16 characters.
     */
    private static final int MAX_PIECE_LENGTH = 1024;
    /** SentencePiece has room for 64 user-defined pieces that are prefixes of each other. */
    private static final int MAX_NESTED = 64;
    private static final int BYTE_PIECES = 256;

    private final List<Piece> pieces;
    private final String name;

    private SentencePieceCheck(List<Piece> pieces, String name) {
        this.pieces = pieces;
        this.name = name;
    }

    /**
     * Rejects a model that the library would refuse or crash on.
     *
     * @throws TokenizerException naming the file and the piece
     */
    static void require(SentencePieceModel model, String name) {
        var check = new SentencePieceCheck(model.pieces(), name);
        if (!model.hasKnownAlgorithm()) {
            throw check.broken("is of the unknown model type " + model.algorithm());
        }
        check.requirePieces();
        check.requireKinds(model.byteFallback());
        check.requireShallowSymbols();
        for (String text : List.of(model.unknownSurface(), model.bosPiece(), model.eosPiece(), model.unknownPiece())) {
            if (length(text) > MAX_PIECE_LENGTH || text.indexOf('\0') >= 0) {
                throw check.broken("names a special token of %d bytes or one with a zero in it".formatted(length(text)));
            }
        }
    }

    private void requirePieces() {
        Map<String, Integer> seen = new HashMap<>();
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            Integer other = seen.put(piece.text(), id);
            if (other != null) {
                throw broken("has the same text for the pieces %d and %d".formatted(other, id));
            }
            if (piece.text().isEmpty() || piece.text().indexOf('\0') >= 0 || length(piece.text()) > MAX_PIECE_LENGTH) {
                throw broken("has a piece, %d, that is empty, holds a zero, or is longer than %d bytes".formatted(id, MAX_PIECE_LENGTH));
            }
            if (!Float.isFinite(piece.score())) {
                throw broken("has a piece, %d, whose score is %s".formatted(id, piece.score()));
            }
        }
    }

    private void requireKinds(boolean byteFallback) {
        long unknown = count(Type.UNKNOWN);
        if (unknown != 1) {
            throw broken("has %d pieces for what is unknown, and must have one".formatted(unknown));
        }
        long bytes = count(Type.BYTE);
        if (bytes != (byteFallback ? BYTE_PIECES : 0)) {
            throw broken("has %d pieces for bytes, and must have %s".formatted(bytes, byteFallback ? "256" : "none without byte_fallback"));
        }
        if (count(Type.NORMAL) + count(Type.USER_DEFINED) == 0) {
            throw broken("has no piece of text");
        }
    }

    private long count(Type type) {
        return pieces.stream().filter(piece -> piece.type() == type).count();
    }

    private void requireShallowSymbols() {
        Set<String> symbols = new HashSet<>();
        pieces.stream().filter(piece -> piece.type() == Type.USER_DEFINED).forEach(piece -> symbols.add(piece.text()));
        for (String symbol : symbols) {
            int nested = 0;
            for (int length = 1; length <= symbol.length(); length++) {
                nested += symbols.contains(symbol.substring(0, length)) ? 1 : 0;
            }
            if (nested > MAX_NESTED) {
                throw broken("has more than %d user-defined pieces that begin one another".formatted(MAX_NESTED));
            }
        }
    }

    private static int length(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    private TokenizerException broken(String problem) {
        return new TokenizerException("[tokenizer] %s %s: it is damaged, or no SentencePiece model; copy the file again".formatted(name, problem));
    }
}

package kept.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.SentencePieceModel.Type;

/**
 * Decodes pieces to text as SentencePiece does. DJL returns decoded text in JNI's modified UTF-8, which breaks characters beyond the Basic
 * Multilingual Plane (emoji) and stops at the first zero; decoding in Java avoids both.
 */
final class SentencePieceDecoder {
    private final SentencePieceModel model;

    SentencePieceDecoder(SentencePieceModel model) {
        this.model = model;
    }

    String decode(int... ids) {
        var text = new StringBuilder();
        var bytes = ByteBuffer.allocate(ids.length);
        boolean atStart = true;
        for (int id : ids) {
            Piece piece = model.pieces().get(id);
            if (piece.type() == Type.BYTE) {
                bytes.put(piece.value());
                continue;
            }
            spell(bytes, text);
            atStart &= text.isEmpty();
            String surface = surface(piece);
            if (atStart && piece.type() != Type.UNKNOWN && surface.startsWith(" ") && (model.dummyPrefix() || model.removeExtraSpaces())) {
                surface = surface.substring(1);     // the space put before the text when it was encoded
                atStart = model.removeExtraSpaces();
            }
            text.append(surface);
        }
        spell(bytes, text);
        return text.toString();
    }

    private String surface(Piece piece) {
        return switch (piece.type()) {
            case CONTROL -> "";
            case UNKNOWN -> model.unknownSurface();
            default -> piece.text().replace(SentencePieceModel.SPACE, ' ');
        };
    }

    /** Appends the characters encoded by the collected bytes, with U+FFFD for each invalid byte, and clears the bytes. */
    private static void spell(ByteBuffer bytes, StringBuilder text) {
        bytes.flip();
        while (bytes.hasRemaining()) {
            int length = Math.min(sequenceLength(bytes.get(bytes.position())), bytes.remaining());
            try {
                text.append(StandardCharsets.UTF_8.newDecoder().decode(bytes.slice(bytes.position(), length)));
                bytes.position(bytes.position() + length);
            } catch (CharacterCodingException e) {
                text.append('\uFFFD');
                bytes.position(bytes.position() + 1);
            }
        }
        bytes.clear();
    }

    /** The length in bytes of a UTF-8 character that starts with this byte. */
    private static int sequenceLength(byte first) {
        int leadingOnes = Integer.numberOfLeadingZeros(~(first << 24));
        return Math.clamp(leadingOnes, 1, 4);
    }
}

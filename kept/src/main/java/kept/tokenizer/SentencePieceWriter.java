package kept.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import kept.tokenizer.SentencePieceModel.Piece;

/**
 * Serialises a validated model for the native library, without the rest of the file: self-tests, denormalisation rules, and fields that two protobuf
 * parsers might read differently.
 */
final class SentencePieceWriter {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    static byte[] bytes(SentencePieceModel model) {
        var file = new SentencePieceWriter();
        for (Piece piece : model.pieces()) {
            file.message(1, new SentencePieceWriter().text(1, piece.text()).number32(2, piece.score()).varint(3, piece.type().ordinal() + 1L));
        }
        file.message(2, new SentencePieceWriter().varint(3, model.algorithm()).flag(24, model.whitespaceAsSuffix()).flag(35, model.byteFallback())
                .text(45, model.unknownPiece()).text(46, model.bosPiece()).text(47, model.eosPiece()));
        file.message(3, new SentencePieceWriter().bytes(2, model.charsMap().bytes()).flag(3, model.dummyPrefix()).flag(4, model.removeExtraSpaces())
                .flag(5, model.escapesSpaces()));
        return file.bytes.toByteArray();
    }

    private void message(int field, SentencePieceWriter message) {
        bytes(field, message.bytes.toByteArray());
    }

    private SentencePieceWriter text(int field, String value) {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    private SentencePieceWriter bytes(int field, byte[] value) {
        key(field, 2);
        put(value.length);
        bytes.writeBytes(value);
        return this;
    }

    private SentencePieceWriter flag(int field, boolean value) {
        return varint(field, value ? 1 : 0);
    }

    private SentencePieceWriter varint(int field, long value) {
        key(field, 0);
        put(value);
        return this;
    }

    private SentencePieceWriter number32(int field, float value) {
        key(field, 5);
        bytes.writeBytes(ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
        return this;
    }

    private void key(int field, int wireType) {
        put((long) field << 3 | wireType);
    }

    private void put(long value) {
        long rest = value;
        while (rest > 0x7F) {
            bytes.write((int) (rest & 0x7F | 0x80));
            rest >>>= 7;
        }
        bytes.write((int) rest);
    }
}

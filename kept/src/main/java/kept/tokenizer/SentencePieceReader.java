package kept.tokenizer;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.SentencePieceModel.Type;

/** Parses the protocol buffer of a SentencePiece model. Unknown fields are skipped. */
final class SentencePieceReader {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;
    private static final Pattern BYTE_PIECE = Pattern.compile("<0x[0-9A-F]{2}>");

    private final String name;
    private final List<Piece> pieces = new ArrayList<>();
    private int algorithm = 1;
    private String unknownSurface = " \u2047 ";
    private boolean whitespaceAsSuffix;
    private String bosPiece = "<s>";
    private String eosPiece = "</s>";
    private String unknownPiece = "<unk>";
    private boolean byteFallback;
    private byte[] charsMap = {};
    private boolean dummyPrefix = true;
    private boolean removeExtraSpaces = true;
    private boolean escapesSpaces = true;

    SentencePieceReader(String name) {
        this.name = name;
    }

    SentencePieceModel read(byte[] bytes) {
        message(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), (field, value) -> {
            switch (field) {
                case 1 -> pieces.add(piece(value.message()));
                case 2 -> trainerSettings(value.message());
                case 3 -> normalizerSettings(value.message());
                default -> { }
            }
        });
        if (pieces.isEmpty()) {
            throw new TokenizerException("[tokenizer] " + name + " holds no pieces: it is not a SentencePiece model");
        }
        return new SentencePieceModel(List.copyOf(pieces), algorithm, byteFallback, unknownSurface, whitespaceAsSuffix, bosPiece, eosPiece,
                unknownPiece, CharsMap.check(charsMap, name), dummyPrefix, removeExtraSpaces, escapesSpaces);
    }

    private Piece piece(ByteBuffer bytes) {
        var text = new String[] {""};
        var score = new float[1];
        var type = new Type[] {Type.NORMAL};
        message(bytes, (field, value) -> {
            switch (field) {
                case 1 -> text[0] = value.text();
                case 2 -> score[0] = Float.intBitsToFloat((int) value.number());
                case 3 -> type[0] = type(value.number());
                default -> { }
            }
        });
        if (type[0] == Type.BYTE && !BYTE_PIECE.matcher(text[0]).matches()) {
            throw new TokenizerException("[tokenizer] " + name + ": piece " + pieces.size() + " is marked as a byte, but is not written like <0x41>");
        }
        return new Piece(text[0], score[0], type[0]);
    }

    private Type type(long number) {
        if (number < 1 || number > Type.values().length) {
            throw new TokenizerException("[tokenizer] " + name + ": piece " + pieces.size() + " is of the unknown type " + number);
        }
        return Type.values()[(int) number - 1];
    }

    private void trainerSettings(ByteBuffer bytes) {
        message(bytes, (field, value) -> {
            switch (field) {
                case 3 -> algorithm = (int) value.number();
                case 24 -> whitespaceAsSuffix = value.number() != 0;
                case 35 -> byteFallback = value.number() != 0;
                case 44 -> unknownSurface = value.text();
                case 45 -> unknownPiece = value.text();
                case 46 -> bosPiece = value.text();
                case 47 -> eosPiece = value.text();
                default -> { }
            }
        });
    }

    private void normalizerSettings(ByteBuffer bytes) {
        message(bytes, (field, value) -> {
            switch (field) {
                case 2 -> charsMap = value.bytes();
                case 3 -> dummyPrefix = value.number() != 0;
                case 4 -> removeExtraSpaces = value.number() != 0;
                case 5 -> escapesSpaces = value.number() != 0;
                default -> { }
            }
        });
    }

    /** The value of a field: a number, or bytes that contain a string, a message or raw data. */
    private record Value(long number, ByteBuffer message) {
        byte[] bytes() {
            var bytes = new byte[message.remaining()];
            message.get(message.position(), bytes);
            return bytes;
        }

        /** Decodes a string; invalid UTF-8 is treated as damage. */
        String text() {
            try {
                return StandardCharsets.UTF_8.newDecoder().decode(message.duplicate()).toString();
            } catch (CharacterCodingException e) {
                throw new IllegalArgumentException("a text that is no UTF-8", e);
            }
        }
    }

    /** Handles a field. */
    private interface Field {
        void accept(int number, Value value);
    }

    private void message(ByteBuffer bytes, Field field) {
        while (bytes.hasRemaining()) {
            int at = bytes.position();
            try {
                long key = varint(bytes);
                Value value = switch ((int) (key & 7)) {
                    case VARINT -> new Value(varint(bytes), ByteBuffer.allocate(0));
                    case FIXED64 -> new Value(bytes.getLong(), ByteBuffer.allocate(0));
                    case BYTES -> new Value(0, run(bytes, varint(bytes)));
                    case FIXED32 -> new Value(bytes.getInt(), ByteBuffer.allocate(0));
                    default -> throw new IllegalArgumentException("a field of wire type " + (key & 7));
                };
                field.accept((int) (key >>> 3), value);
            } catch (BufferUnderflowException | IllegalArgumentException e) {
                throw new TokenizerException("[tokenizer] " + name + " is not a SentencePiece model, or is cut short (offset " + at + ")", e);
            }
        }
    }

    private static ByteBuffer run(ByteBuffer bytes, long length) {
        if (length < 0 || length > bytes.remaining()) {
            throw new BufferUnderflowException();
        }
        ByteBuffer run = bytes.slice(bytes.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.position(bytes.position() + (int) length);
        return run;
    }

    private static long varint(ByteBuffer bytes) {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            byte b = bytes.get();
            value |= (long) (b & 0x7F) << shift;
            if (b >= 0) {
                return value;
            }
        }
        throw new IllegalArgumentException("a number of more than ten bytes");
    }
}

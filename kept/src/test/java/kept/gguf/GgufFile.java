package kept.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A strict reader of GGUF files, for tests: whatever ggml's reader would refuse, or pass over in silence, is an {@link IllegalStateException}. */
public final class GgufFile {
    private static final int MAX_TENSOR_NAME_LENGTH = 63;
    private static final int MAX_DIMENSIONS = 4;

    private final ByteBuffer bytes;
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    /**
     * A tensor.
     *
     * @param type its type
     * @param shape its extents, first first
     * @param content its bytes
     */
    record Tensor(GgufType type, List<Long> shape, byte[] content) {
        /** The elements in f32. */
        float[] values() {
            ByteBuffer source = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
            var values = new float[Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact))];
            for (int i = 0; i < values.length; i++) {
                values[i] = switch (type) {
                    case F32 -> source.getFloat();
                    case F16 -> Float.float16ToFloat(source.getShort());
                    case BF16 -> Float.intBitsToFloat(source.getShort() << 16);
                    case Q8_0 -> Float.float16ToFloat(source.getShort(i / 32 * 34)) * source.get(i / 32 * 34 + 2 + i % 32);
                };
            }
            return values;
        }
    }

    private record Place(String name, GgufType type, List<Long> shape, long offset) { }

    private GgufFile(byte[] content) {
        this.bytes = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        require(bytes.getInt() == 0x46554747, "the magic");
        require(bytes.getInt() == 3, "the version");
        long tensorCount = bytes.getLong();
        long keyCount = bytes.getLong();
        for (long i = 0; i < keyCount; i++) {
            String key = text();
            require(key.matches("[a-z0-9_]+(\\.[a-z0-9_]+)+"), "the key " + key);
            require(metadata.put(key, value(bytes.getInt())) == null, "one value for " + key);
        }
        int alignment = (Integer) metadata.getOrDefault("general.alignment", 32);
        require(Integer.bitCount(alignment) == 1 && alignment >= 8, "the alignment");
        List<Place> places = new ArrayList<>();
        for (long i = 0; i < tensorCount; i++) {
            places.add(place());
        }
        skipZeros(alignment);
        int start = bytes.position();
        for (Place place : places) {
            require(place.offset == bytes.position() - start, "no gap before " + place.name);
            long elements = place.shape.stream().reduce(1L, Math::multiplyExact);
            var stored = new byte[Math.toIntExact(place.type.byteSize(elements))];
            bytes.get(stored);
            require(tensors.put(place.name, new Tensor(place.type, place.shape, stored)) == null, "one tensor " + place.name);
            skipZeros(alignment);
        }
        require(!bytes.hasRemaining(), "nothing after the last tensor");
    }

    static GgufFile read(Path path) {
        try {
            return new GgufFile(Files.readAllBytes(path));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Settings by key: Integer, Float, Boolean, String, or a List of these. */
    Map<String, Object> metadata() {
        return metadata;
    }

    Map<String, Tensor> tensors() {
        return tensors;
    }

    private Place place() {
        String name = text();
        require(!name.isEmpty() && name.length() <= MAX_TENSOR_NAME_LENGTH, "the name " + name);
        int rank = bytes.getInt();
        require(rank >= 1 && rank <= MAX_DIMENSIONS, "the rank of " + name);
        var shape = new Long[rank];
        for (int axis = rank - 1; axis >= 0; axis--) {
            shape[axis] = bytes.getLong();
            require(shape[axis] > 0, "the shape of " + name);
        }
        int code = bytes.getInt();
        GgufType type = Arrays.stream(GgufType.values()).filter(candidate -> candidate.code() == code).findFirst().orElseThrow();
        require(shape[rank - 1] % type.blockElements() == 0, "whole blocks in " + name);
        return new Place(name, type, List.of(shape), bytes.getLong());
    }

    private Object value(int type) {
        return switch (type) {
            case 4, 5 -> bytes.getInt();
            case 6 -> bytes.getFloat();
            case 7 -> flag();
            case 8 -> text();
            case 9 -> list();
            default -> throw new IllegalStateException("a value of type " + type);
        };
    }

    private List<Object> list() {
        int type = bytes.getInt();
        long length = bytes.getLong();
        require(type != 9, "a flat list");
        List<Object> values = new ArrayList<>();
        for (long i = 0; i < length; i++) {
            values.add(value(type));
        }
        return values;
    }

    private boolean flag() {
        byte value = bytes.get();
        require(value == 0 || value == 1, "a truth value");
        return value == 1;
    }

    private String text() {
        long length = bytes.getLong();
        require(length >= 0 && length <= bytes.remaining(), "the length of a text");
        ByteBuffer utf8 = bytes.slice(bytes.position(), (int) length);
        bytes.position(bytes.position() + (int) length);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(utf8).toString();
        } catch (CharacterCodingException e) {
            throw new IllegalStateException("a text is not UTF-8", e);
        }
    }

    private void skipZeros(int alignment) {
        while (bytes.position() % alignment != 0) {
            require(bytes.get() == 0, "zeros between tensors");
        }
    }

    private void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("%s is not as it must be, before byte %d".formatted(what, bytes.position()));
        }
    }
}

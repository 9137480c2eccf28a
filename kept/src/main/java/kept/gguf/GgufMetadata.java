package kept.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The metadata of a GGUF file, encoded in sequence: key, type, value; little-endian, strings preceded by their length. */
final class GgufMetadata {
    private static final int UINT32 = 4;
    private static final int INT32 = 5;
    private static final int FLOAT32 = 6;
    private static final int BOOL = 7;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private int count;

    int count() {
        return count;
    }

    byte[] toByteArray() {
        return bytes.toByteArray();
    }

    void integer(String key, int value) {
        key(key, UINT32);
        put32(bytes, value);
    }

    void number(String key, double value) {
        key(key, FLOAT32);
        put32(bytes, Float.floatToRawIntBits((float) value));
    }

    void flag(String key, boolean value) {
        key(key, BOOL);
        bytes.write(value ? 1 : 0);
    }

    void text(String key, String value) {
        key(key, STRING);
        putText(bytes, value);
    }

    void texts(String key, List<String> values) {
        array(key, STRING, values.size());
        values.forEach(value -> putText(bytes, value));
    }

    void integers(String key, List<Integer> values) {
        array(key, INT32, values.size());
        values.forEach(value -> put32(bytes, value));
    }

    void numbers(String key, List<Float> values) {
        array(key, FLOAT32, values.size());
        values.forEach(value -> put32(bytes, Float.floatToRawIntBits(value)));
    }

    private void array(String key, int type, int size) {
        key(key, ARRAY);
        put32(bytes, type);
        put64(bytes, size);
    }

    private void key(String key, int type) {
        count++;
        putText(bytes, key);
        put32(bytes, type);
    }

    static void put32(ByteArrayOutputStream target, int value) {
        target.writeBytes(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    static void put64(ByteArrayOutputStream target, long value) {
        target.writeBytes(ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    static void putText(ByteArrayOutputStream target, String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        put64(target, utf8.length);
        target.writeBytes(utf8);
    }
}

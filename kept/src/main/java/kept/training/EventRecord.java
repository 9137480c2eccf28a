package kept.training;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.SequencedMap;
import java.util.zip.CRC32C;

/**
 * One record of a TensorBoard event file: a protocol buffer {@code tensorflow.Event} in the framing of TFRecord, which is its length, a checksum of
 * the length, its bytes and a checksum of these. Numbers are little-endian, and a checksum is the CRC32C, rotated and shifted so that checksums of
 * texts that contain checksums stay good.
 */
final class EventRecord {
    /** The version in which restarts are marked. */
    private static final String VERSION = "brain.Event:2";

    private static final int VARINT = 0;
    private static final int DOUBLE = 1;
    private static final int BYTES = 2;
    private static final int FLOAT = 5;

    /** Fields of {@code Event}. */
    private static final int WALL_TIME = 1;
    private static final int STEP = 2;
    private static final int FILE_VERSION = 3;
    private static final int SUMMARY = 5;
    private static final int SESSION_LOG = 7;
    /** Fields of {@code Summary}, {@code Summary.Value} and {@code SessionLog}. */
    private static final int VALUE = 1;
    private static final int TAG = 1;
    private static final int SIMPLE_VALUE = 2;
    private static final int STATUS = 1;
    private static final int START = 1;

    private static final int MASK_ROTATION = 15;
    private static final int MASK_DELTA = 0xa282ead8;

    private final ByteArrayOutputStream message = new ByteArrayOutputStream();

    private EventRecord() {}

    /** The first record of a file. */
    static byte[] version(double seconds) {
        return event(seconds, 0).bytes(FILE_VERSION, VERSION.getBytes(StandardCharsets.UTF_8)).framed();
    }

    /** The beginning of a session: readers drop what earlier records say of this step and later ones. */
    static byte[] start(double seconds, long step) {
        return event(seconds, step).bytes(SESSION_LOG, new EventRecord().number(STATUS, START).message.toByteArray()).framed();
    }

    /** Numbers of a step by their tags. */
    static byte[] scalars(double seconds, long step, SequencedMap<String, Double> values) {
        var summary = new EventRecord();
        values.forEach((tag, value) -> summary.bytes(VALUE, new EventRecord().bytes(TAG, tag.getBytes(StandardCharsets.UTF_8))
                .fixed(SIMPLE_VALUE, FLOAT, little(Float.BYTES).putFloat(value.floatValue())).message.toByteArray()));
        return event(seconds, step).bytes(SUMMARY, summary.message.toByteArray()).framed();
    }

    private static EventRecord event(double seconds, long step) {
        return new EventRecord().fixed(WALL_TIME, DOUBLE, little(Double.BYTES).putDouble(seconds)).number(STEP, step);
    }

    /** A number that is 0 is left out, as protocol buffers do. */
    private EventRecord number(int field, long value) {
        if (value != 0) {
            varint(field << 3 | VARINT);
            varint(value);
        }
        return this;
    }

    private EventRecord fixed(int field, int type, ByteBuffer value) {
        varint(field << 3 | type);
        message.writeBytes(value.array());
        return this;
    }

    private EventRecord bytes(int field, byte[] value) {
        varint(field << 3 | BYTES);
        varint(value.length);
        message.writeBytes(value);
        return this;
    }

    private void varint(long value) {
        long rest = value;
        while (rest >>> 7 != 0) {
            message.write((int) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        message.write((int) rest);
    }

    private byte[] framed() {
        byte[] data = message.toByteArray();
        byte[] length = little(Long.BYTES).putLong(data.length).array();
        return little(Long.BYTES + data.length + 2 * Integer.BYTES).put(length).putInt(checksum(length)).put(data).putInt(checksum(data)).array();
    }

    private static int checksum(byte[] bytes) {
        var crc = new CRC32C();
        crc.update(bytes);
        return Integer.rotateRight((int) crc.getValue(), MASK_ROTATION) + MASK_DELTA;
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}

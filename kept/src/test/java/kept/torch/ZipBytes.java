package kept.torch;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import kept.weights.TensorEntry;

/** Makes zip archives of stored entries by hand, with sizes and places in 32 or in 64 bits. */
public final class ZipBytes {
    private ZipBytes() { }

    /** An archive's bytes. */
    static byte[] of(Map<String, byte[]> entries, boolean wide) {
        var data = new ByteArrayOutputStream();
        var directory = new ByteArrayOutputStream();
        entries.forEach((name, content) -> {
            byte[] text = name.getBytes(StandardCharsets.UTF_8);
            int place = data.size();
            data.writeBytes(record(30).putInt(0x04034b50).position(18).putInt(content.length).putInt(content.length)
                .putShort((short) text.length).array());
            data.writeBytes(text);
            data.writeBytes(content);
            int size = wide ? -1 : content.length;
            directory.writeBytes(record(46).putInt(0x02014b50).position(20).putInt(size).putInt(size).putShort((short) text.length)
                .putShort((short) (wide ? 28 : 0)).position(42).putInt(wide ? -1 : place).array());
            directory.writeBytes(text);
            if (wide) {
                directory.writeBytes(record(28).putShort((short) 1).putShort((short) 24).putLong(content.length).putLong(content.length)
                    .putLong(place).array());
            }
        });
        int start = data.size();
        int size = directory.size();
        data.writeBytes(directory.toByteArray());
        if (wide) {
            int end = data.size();
            data.writeBytes(record(56).putInt(0x06064b50).putLong(44).position(24).putLong(entries.size()).putLong(entries.size()).putLong(size)
                .putLong(start).array());
            data.writeBytes(record(20).putInt(0x07064b50).putInt(0).putLong(end).putInt(1).array());
        }
        short count = (short) (wide ? -1 : entries.size());
        data.writeBytes(record(22).putInt(0x06054b50).putInt(0).putShort(count).putShort(count).putInt(wide ? -1 : size).putInt(wide ? -1 : start)
            .array());
        return data.toByteArray();
    }

    /** From where to where an entry lies in a sound archive. */
    public static int[] place(byte[] archive, String name) {
        ZipDirectory.Entry entry = ZipDirectory.read(Path.of("sound"), MemorySegment.ofArray(archive)).get(name);
        return new int[] {(int) entry.offset(), (int) (entry.offset() + entry.size())};
    }

    /** What a file of PyTorch says of its tensors, which may be anything. */
    public static List<TensorEntry> tensors(Path path, MemorySegment content) {
        return TorchFile.entries(path, content);
    }

    private static ByteBuffer record(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}

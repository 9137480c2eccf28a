package kept.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.weights.TensorEntry;

/** Makes safetensors files by hand, sound or not. */
public final class SafetensorsBytes {
    private SafetensorsBytes() { }

    /** A file's bytes: the length of the header, the header, and so many zero bytes of data. */
    static byte[] of(String header, int dataBytes) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return of(json.length, json, dataBytes);
    }

    /** A file's bytes with a header length of choice. */
    static byte[] of(long headerLength, byte[] header, int dataBytes) {
        return ByteBuffer.allocate(Long.BYTES + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN).putLong(headerLength).put(header).array();
    }

    /** What a file says of its tensors, which may be anything. */
    public static List<TensorEntry> entries(Path path, MemorySegment content) {
        return SafetensorsHeader.read(path, content).entries();
    }

    /** Writes bytes to a file and returns its path. */
    public static Path write(Path file, byte[] bytes) {
        try {
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

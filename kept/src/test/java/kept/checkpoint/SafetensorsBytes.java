package kept.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes safetensors files by hand, sound or not. */
final class SafetensorsBytes {
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

    /** Writes bytes to a file and returns its path. */
    static Path write(Path file, byte[] bytes) {
        try {
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

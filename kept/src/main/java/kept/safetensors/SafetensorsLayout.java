package kept.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.weights.StoredType;
import kept.weights.TensorSpec;

/**
 * The layout of a safetensors file: the offsets of its tensors, and the header. It depends only on the declared tensors: wider element types come
 * first, for alignment, and otherwise the declared order is kept; the header is padded with spaces to a multiple of 8 bytes.
 */
final class SafetensorsLayout {
    private static final JsonFactory JSON = new JsonFactory();

    private final Map<String, Long> offsets = new LinkedHashMap<>();
    private final byte[] header;
    private final long fileSize;

    private SafetensorsLayout(Path file, List<TensorSpec> tensors, Map<String, String> metadata) {
        List<TensorSpec> order = tensors.stream().sorted(Comparator.comparingInt(tensor -> -tensor.dtype().bytes())).toList();
        byte[] json;
        try {
            json = encode(file, order, metadata);
        } catch (IOException e) {
            throw new FileException("safetensors", file, "the header cannot be encoded: " + AtomicFiles.reason(e), e);
        }
        header = frame(file, json);
        offsets.replaceAll((name, offset) -> header.length + offset);
        fileSize = header.length + order.stream().mapToLong(TensorSpec::byteSize).sum();
    }

    /**
     * Computes the layout of a file.
     *
     * @param file its path, for errors
     * @param tensors the tensors it holds
     * @param metadata free-form strings, written after {@code format = pt}
     * @return the layout
     * @throws FileException if a name occurs twice, or the header would exceed the format's limit
     */
    static SafetensorsLayout of(Path file, List<TensorSpec> tensors, Map<String, String> metadata) {
        return new SafetensorsLayout(file, tensors, metadata);
    }

    /** The first bytes of the file: the length of the header, and the header. */
    byte[] header() {
        return header;
    }

    /** The size of the whole file in bytes. */
    long fileSize() {
        return fileSize;
    }

    /** The tensors in the order of their data. */
    List<String> names() {
        return List.copyOf(offsets.keySet());
    }

    boolean has(String tensor) {
        return offsets.containsKey(tensor);
    }

    /** The offset of a tensor's bytes in the file. */
    long offset(String tensor) {
        return offsets.get(tensor);
    }

    /** Whether an existing file has this header and this size. */
    boolean isThatOf(Path file) {
        if (!Files.isRegularFile(file)) {
            return false;
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() != fileSize) {
                return false;
            }
            ByteBuffer beginning = ByteBuffer.allocate(header.length);
            while (beginning.hasRemaining() && channel.read(beginning) > 0) {
                // The file has the full size, so the loop ends with a full buffer.
                continue;
            }
            return Arrays.equals(beginning.array(), header);
        } catch (IOException e) {
            throw new FileException("safetensors", file, "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    private byte[] encode(Path file, List<TensorSpec> order, Map<String, String> metadata) throws IOException {
        var json = new ByteArrayOutputStream();
        try (JsonGenerator generator = JSON.createGenerator(json)) {
            generator.writeStartObject();
            generator.writeObjectFieldStart(SafetensorsHeader.METADATA);
            generator.writeStringField("format", "pt");
            for (Map.Entry<String, String> entry : metadata.entrySet()) {
                if (!entry.getKey().equals("format")) {
                    generator.writeStringField(entry.getKey(), entry.getValue());
                }
            }
            generator.writeEndObject();
            long offset = 0;
            for (TensorSpec tensor : order) {
                if (offsets.put(tensor.name(), offset) != null || tensor.name().equals(SafetensorsHeader.METADATA)) {
                    throw new FileException("safetensors", file, tensor.name(), -1, "the name occurs twice or is reserved");
                }
                long end = Math.addExact(offset, tensor.byteSize());
                generator.writeObjectFieldStart(tensor.name());
                generator.writeStringField("dtype", StoredType.of(tensor.dtype()).name());
                generator.writeFieldName("shape");
                long[] shape = tensor.shape().toArray();
                generator.writeArray(shape, 0, shape.length);
                generator.writeFieldName("data_offsets");
                generator.writeArray(new long[] {offset, end}, 0, 2);
                generator.writeEndObject();
                offset = end;
            }
            generator.writeEndObject();
        }
        return json.toByteArray();
    }

    private static byte[] frame(Path file, byte[] json) {
        int length = Math.ceilDiv(json.length, Long.BYTES) * Long.BYTES;
        if (length > SafetensorsHeader.MAX_BYTES) {
            throw new FileException("safetensors", file,
                "a header of %d bytes is above the format's limit of %d: write more, smaller shards".formatted(length, SafetensorsHeader.MAX_BYTES));
        }
        byte[] framed = new byte[SafetensorsHeader.PREFIX + length];
        Arrays.fill(framed, (byte) ' ');
        ByteBuffer.wrap(framed).order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(json);
        return framed;
    }
}

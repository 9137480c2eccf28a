package kept.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.tensor.Shape;

/**
 * The layout of a GGUF file, version 3: magic, version and counts, metadata, a list of tensors with their offsets, then the tensors, each aligned to
 * {@value #ALIGNMENT} bytes and padded with zeros.
 */
final class GgufLayout {
    static final int ALIGNMENT = 32;

    private static final byte[] MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION = 3;

    private final byte[] header;
    private final List<Long> offsets = new ArrayList<>();
    private final long byteSize;

    GgufLayout(GgufMetadata metadata, List<GgufTensor> tensors) {
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(MAGIC);
        GgufMetadata.put32(bytes, VERSION);
        GgufMetadata.put64(bytes, tensors.size());
        GgufMetadata.put64(bytes, metadata.count());
        bytes.writeBytes(metadata.toByteArray());
        long end = 0;
        for (GgufTensor tensor : tensors) {
            putInfo(bytes, tensor, end);
            offsets.add(end);
            end = aligned(Math.addExact(end, tensor.byteSize()));
        }
        this.header = Arrays.copyOf(bytes.toByteArray(), Math.toIntExact(aligned(bytes.size())));
        offsets.replaceAll(offset -> header.length + offset);
        this.byteSize = Math.addExact(header.length, end);
    }

    /** Everything before the tensors, including padding. */
    byte[] header() {
        return header.clone();
    }

    /** The offset of a tensor, by its index, from the start of the file. */
    long offset(int index) {
        return offsets.get(index);
    }

    /** The size of the file, including padding after the last tensor. */
    long byteSize() {
        return byteSize;
    }

    private static void putInfo(ByteArrayOutputStream bytes, GgufTensor tensor, long offset) {
        Shape shape = tensor.shape();
        GgufMetadata.putText(bytes, tensor.name());
        GgufMetadata.put32(bytes, shape.rank());
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            GgufMetadata.put64(bytes, shape.size(axis));
        }
        GgufMetadata.put32(bytes, tensor.type().code());
        GgufMetadata.put64(bytes, offset);
    }

    static long aligned(long bytes) {
        return Math.ceilDiv(bytes, (long) ALIGNMENT) * ALIGNMENT;
    }
}

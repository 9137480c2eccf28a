package kept.safetensors;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
import kept.io.FileException;
import kept.weights.WeightFile;

/** A memory-mapped safetensors file. */
public final class SafetensorsFile extends WeightFile {
    /** File name of weights in one file. */
    public static final String SINGLE = "model.safetensors";

    private final Map<String, String> metadata;

    private SafetensorsFile(MappedFile file, SafetensorsHeader header) {
        super("safetensors", file, header.entries());
        metadata = header.metadata();
    }

    /**
     * Maps a file and reads its header.
     *
     * @param path the file
     * @return the open file; the caller closes it
     * @throws FileException if it cannot be opened or is not a valid safetensors file
     */
    public static SafetensorsFile open(Path path) {
        return open("safetensors", path, file -> new SafetensorsFile(file, SafetensorsHeader.read(path, file.content())));
    }

    /**
     * The metadata strings of the header, as in {@code format = pt}.
     *
     * @return the strings in file order, unmodifiable; empty if there are none
     */
    public Map<String, String> metadata() {
        return metadata;
    }

    /**
     * Reads the whole of a file that {@link SafetensorsWriter#createWithChecksums} wrote and verifies its checksums.
     *
     * @throws FileException naming the file, and the first tensor whose checksum does not match
     */
    public void requireIntact() {
        long length = SafetensorsHeader.PREFIX + content().get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        EmbeddedChecksums.require(this, content().asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
    }

    /**
     * A checksum of the checksums that {@link SafetensorsWriter#createWithChecksums} wrote, by which files of other content differ. No tensor is
     * read.
     *
     * @return hexadecimal digits
     */
    public String contentChecksum() {
        return EmbeddedChecksums.ofContent(this);
    }
}

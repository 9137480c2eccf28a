package kept.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.weights.TensorEntry;
import kept.weights.WeightFile;

/**
 * A memory-mapped safetensors file. Opening reads only the header; a tensor's bytes are loaded from disk when they are accessed.
 *
 * <p>The segments are read-only views that are valid until {@link #close()}; elements are little-endian in row-major order and need not be aligned,
 * so read them with the {@code _UNALIGNED} layouts. Thread-safe. The file must not be truncated while it is open.
 */
public final class SafetensorsFile implements WeightFile {
    /** File name of weights in one file. */
    public static final String SINGLE = "model.safetensors";

    private final Path path;
    private final Arena arena;
    private final MemorySegment content;
    private final Map<String, String> metadata;
    private final Map<String, TensorEntry> entries;

    private SafetensorsFile(Path path, Arena arena, MemorySegment content) {
        this.path = path;
        this.arena = arena;
        this.content = content;
        SafetensorsHeader header = SafetensorsHeader.read(path, content);
        this.metadata = header.metadata();
        this.entries = new LinkedHashMap<>();
        header.entries().forEach(entry -> entries.put(entry.name(), entry));
    }

    /**
     * Maps a file and reads its header.
     *
     * @param path the file
     * @return the open file; the caller closes it
     * @throws FileException if it cannot be opened or is not a valid safetensors file
     */
    public static SafetensorsFile open(Path path) {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = InputFiles.open("safetensors", path)) {
            return new SafetensorsFile(path, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
        } catch (IOException e) {
            arena.close();
            throw new FileException("safetensors", path, "cannot be opened: " + AtomicFiles.reason(e), e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /**
     * The file.
     *
     * @return the path it was opened with
     */
    @Override
    public Path path() {
        return path;
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
     * The tensors.
     *
     * @return their entries in the order of their data, unmodifiable
     */
    @Override
    public List<TensorEntry> entries() {
        return List.copyOf(entries.values());
    }

    /**
     * Whether the file has a tensor with this name.
     *
     * @param name the name
     * @return true if so
     */
    @Override
    public boolean contains(String name) {
        return entries.containsKey(name);
    }

    /**
     * Returns the metadata of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws FileException if there is no such tensor
     */
    @Override
    public TensorEntry entry(String name) {
        return WeightFile.entry(path, "safetensors", entries, name);
    }

    /**
     * Returns the bytes of one tensor.
     *
     * @param name its name
     * @return a read-only view of the mapped file, valid until {@link #close()}
     * @throws FileException if there is no such tensor
     * @throws IllegalStateException if the file is closed
     */
    @Override
    public MemorySegment data(String name) {
        TensorEntry entry = entry(name);
        return content.asSlice(entry.offset(), entry.byteSize());
    }

    /**
     * Reads the whole of a file that {@link SafetensorsWriter#createWithChecksums} wrote and verifies its checksums.
     *
     * @throws FileException naming the file, and the first tensor whose checksum does not match
     */
    public void requireIntact() {
        long length = SafetensorsHeader.PREFIX + content.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        EmbeddedChecksums.require(this, content.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
    }

    /** Unmaps the file. Its segments can no longer be read. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}

package kept.weights;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.io.InputFiles;

/**
 * A memory-mapped file of named tensors; each format is a subclass. Opening reads only the description of the tensors; their bytes are loaded from
 * disk when they are accessed.
 *
 * <p>The segments of tensors are read-only views that are valid until {@link #close()}; elements are little-endian and need not be aligned, so read
 * them with the {@code _UNALIGNED} layouts. Thread-safe. The file must not be truncated while it is open.
 */
public abstract class WeightFile implements AutoCloseable {
    private final String format;
    private final MappedFile file;
    private final Map<String, TensorEntry> entries = new LinkedHashMap<>();

    /**
     * Creates an open file.
     *
     * @param format its format, for messages
     * @param file the mapped file
     * @param entries its tensors in the order of their data
     */
    protected WeightFile(String format, MappedFile file, List<TensorEntry> entries) {
        this.format = format;
        this.file = file;
        entries.forEach(entry -> this.entries.put(entry.name(), entry));
    }

    /**
     * A file in memory.
     *
     * @param path its path
     * @param arena owns the mapping
     * @param content the whole file, read-only
     */
    protected record MappedFile(Path path, Arena arena, MemorySegment content) {}

    /**
     * Maps a file and reads the description of its tensors. The mapping is closed if that fails.
     *
     * @param <F> the format's class
     * @param format the format, for messages
     * @param path the file
     * @param reader creates the open file
     * @return the open file; the caller closes it
     * @throws FileException if it cannot be opened
     */
    protected static <F extends WeightFile> F open(String format, Path path, Function<MappedFile, F> reader) {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = InputFiles.open(format, path)) {
            return reader.apply(new MappedFile(path, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena)));
        } catch (IOException e) {
            arena.close();
            throw new FileException(format, path, "cannot be opened: " + AtomicFiles.reason(e), e);
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
    public final Path path() {
        return file.path;
    }

    /**
     * The whole file.
     *
     * @return a read-only view
     */
    protected final MemorySegment content() {
        return file.content;
    }

    /**
     * The tensors.
     *
     * @return their entries in the order of their data, unmodifiable
     */
    public final List<TensorEntry> entries() {
        return List.copyOf(entries.values());
    }

    /**
     * Whether the file has a tensor with this name.
     *
     * @param name the name
     * @return true if so
     */
    public final boolean contains(String name) {
        return entries.containsKey(name);
    }

    /**
     * Returns the metadata of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws FileException if there is no such tensor
     */
    public final TensorEntry entry(String name) {
        TensorEntry entry = entries.get(name);
        if (entry == null) {
            throw new FileException(format, file.path, name, -1, "there is no such tensor among the %d of this file".formatted(entries.size()));
        }
        return entry;
    }

    /**
     * Returns the stored bytes of one tensor: little-endian elements, not necessarily aligned.
     *
     * @param name its name
     * @return a read-only view of the mapped file, valid until {@link #close()}
     * @throws FileException if there is no such tensor
     * @throws IllegalStateException if the file is closed
     */
    public final MemorySegment data(String name) {
        TensorEntry entry = entry(name);
        return file.content.asSlice(entry.offset(), entry.byteSize());
    }

    /** Unmaps the file. Its segments can no longer be read. */
    @Override
    public final void close() {
        if (file.arena.scope().isAlive()) {
            file.arena.close();
        }
    }
}

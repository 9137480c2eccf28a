package kept.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import kept.io.Checksum;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.io.JsonObject;
import kept.text.Counts;
import kept.torch.TorchFile;
import kept.weights.FiniteValues;
import kept.weights.StoredType;
import kept.weights.TensorEntry;
import kept.weights.TensorReading;
import kept.weights.WeightFile;

/**
 * Memory-mapped weights of a checkpoint directory: {@code model.safetensors}, or else {@code model.safetensors.index.json} and its shards, or else
 * {@code pytorch_model.bin}, or else {@code pytorch_model.bin.index.json} and its shards.
 *
 * <p>Opening validates every header and checks that index and shards name the same tensors; values are not read. Buffers in old checkpoints, such as
 * rotary tables, are ignored because they follow from the configuration. Prefixes added by wrappers (DDP, {@code torch.compile}, PEFT) are removed
 * from names ({@code TensorNames}). A shard may be a symbolic link within the directory or into the blobs of the Hugging Face cache, but nowhere else
 * ({@link InputFiles}).
 */
public final class Checkpoint implements AutoCloseable {
    private static final String CONFIG = "config.json";
    private static final String OPERATION = "checkpoint";

    /** Size in bytes and number of the pieces of a tensor that its fingerprint covers. */
    private static final long PIECE_BYTES = 1 << 16;
    private static final int PIECE_COUNT = 8;

    private final Path directory;
    private final Map<String, WeightFile> files;
    private final TensorNames names;
    private final Map<String, Stored> tensors = new LinkedHashMap<>();

    private Checkpoint(Path directory, Map<String, WeightFile> files) {
        this.directory = directory;
        this.files = files;
        var owners = new HashMap<String, WeightFile>();
        var entries = new ArrayList<TensorEntry>();
        for (WeightFile file : files.values()) {
            for (TensorEntry entry : file.entries()) {
                owners.put(entry.name(), file);
                entries.add(entry);
            }
        }
        names = TensorNames.of(directory, entries, () -> isTied(directory));
        names.known().forEach((name, inFile) -> tensors.put(name, new Stored(owners.get(inFile), inFile)));
    }

    /**
     * Opens the weights of a directory.
     *
     * @param directory the directory
     * @return the open checkpoint; the caller closes it
     * @throws FileException if there are no weights, or anything about them is wrong
     */
    public static Checkpoint open(Path directory) {
        Map<String, WeightFile> files = CheckpointFiles.open(directory);
        try {
            return new Checkpoint(directory, files);
        } catch (RuntimeException e) {
            files.values().forEach(WeightFile::close);
            throw e;
        }
    }

    /** Reads {@code tie_word_embeddings}; false for an invalid config.json, whose error is reported when the configuration is read. */
    private static boolean isTied(Path directory) {
        try {
            return Files.exists(directory.resolve(CONFIG)) && JsonObject.read("config", directory.resolve(CONFIG)).flag("tie_word_embeddings", false);
        } catch (FileException e) {
            return false;
        }
    }

    /**
     * Explains what a directory without the expected weight files contains instead: an adapter, an unfinished download, another format.
     *
     * @param directory the directory
     * @return a clause to append to an error message, starting with a semicolon; empty if nothing is recognised
     */
    public static String hint(Path directory) {
        return CheckpointFiles.hint(directory);
    }

    /**
     * The directory.
     *
     * @return the path it was opened with
     */
    public Path directory() {
        return directory;
    }

    /**
     * The names of all tensors.
     *
     * @return the names, shard by shard in file order, which is the fastest order to read them; unmodifiable
     */
    public List<String> names() {
        return List.copyOf(tensors.keySet());
    }

    /**
     * Whether the checkpoint has a tensor with this name.
     *
     * @param name the name
     * @return true if so
     */
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    /**
     * Returns the metadata of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws FileException if there is no such tensor
     */
    public TensorEntry entry(String name) {
        Stored stored = stored(name);
        return stored.file.entry(stored.name).named(name);
    }

    /**
     * Returns the elements of one tensor.
     *
     * @param name its name
     * @return little-endian elements in row-major order, not necessarily aligned: a read-only view of the mapped file, valid until {@link #close()},
     *     or a copy if the file stores them in another type or order
     * @throws FileException if there is no such tensor, or a value is out of range of the type it is read as
     * @throws IllegalStateException if the checkpoint is closed
     */
    public MemorySegment data(String name) {
        return data(name, Arena.ofAuto());
    }

    /**
     * Returns the elements of one tensor; if they have to be copied, the copy's memory comes from the given allocator.
     *
     * @param name its name
     * @param allocator allocates the copy of a tensor that is not stored {@linkplain TensorEntry#isVerbatim() verbatim}
     * @return little-endian elements in row-major order; for a verbatim tensor a read-only view of the mapped file, valid until {@link #close()}
     * @throws FileException if there is no such tensor, or a value is out of range of the type it is read as
     * @throws IllegalStateException if the checkpoint is closed
     */
    public MemorySegment data(String name, SegmentAllocator allocator) {
        Stored stored = stored(name);
        return TensorReading.of(stored.file.entry(stored.name), stored.file.data(stored.name), allocator);
    }

    /**
     * Whether a tensor begins with the same bytes as one of another checkpoint, and has the same type and size.
     *
     * @param name its name
     * @param other the other checkpoint
     * @param otherName the name there
     * @param most the number of bytes to compare, or more than there are for all
     * @return false if one of the checkpoints has no such tensor
     * @throws FileException if a value is out of range of the type it is read as
     */
    public boolean isSame(String name, Checkpoint other, String otherName, long most) {
        if (!contains(name) || !other.contains(otherName) || entry(name).dtype() != other.entry(otherName).dtype()) {
            return false;
        }
        try (var arena = Arena.ofConfined()) {
            MemorySegment data = data(name, arena);
            MemorySegment others = other.data(otherName, arena);
            long compared = Math.min(most, data.byteSize());
            return data.byteSize() == others.byteSize() && data.asSlice(0, compared).mismatch(others.asSlice(0, compared)) == -1;
        }
    }

    /**
     * Checks that a tensor contains no NaN or infinity.
     *
     * @param name its name
     * @throws FileException naming the first element that is not finite
     */
    public void requireFinite(String name) {
        try (var arena = Arena.ofConfined()) {
            FiniteValues.require(entry(name), data(name, arena));
        }
    }

    /**
     * Starts a check for NaN and infinity in a tensor whose bytes are inspected while they are copied from its file.
     *
     * @param name the name of a {@linkplain TensorEntry#isVerbatim() verbatim} tensor
     * @return a check that has not inspected any bytes yet
     */
    public FiniteValues finiteValues(String name) {
        return new FiniteValues(entry(name), data(name));
    }

    /**
     * Returns warnings about how the weights are read.
     *
     * @return one line for each unusual property; usually empty
     */
    public List<String> notes() {
        var notes = new ArrayList<>(names.notes());
        List<TensorEntry> entries = tensors.values().stream().map(stored -> stored.file.entry(stored.name)).toList();
        List<String> doubles = entries.stream().filter(entry -> entry.type() == StoredType.F64).map(TensorEntry::name).toList();
        if (!doubles.isEmpty()) {
            notes.add("%s stored in F64 and rounded to F32 (the first: %s)".formatted(Counts.of(doubles.size(), "tensor is", "tensors are"),
                FileException.shorten(doubles.getFirst())));
        }
        return notes;
    }

    /**
     * Computes a checksum over the names, types, shapes and values of all tensors, independent of how they are distributed over files.
     *
     * @return hexadecimal digits
     */
    public String checksum() {
        var checksum = new Checksum();
        new TreeSet<>(tensors.keySet()).forEach(name -> {
            byte[] described = description(name).getBytes(StandardCharsets.UTF_8);
            checksum.update(MemorySegment.ofArray(described));
            checksum.update(data(name));
        });
        return checksum.digits();
    }

    /**
     * Identifies the contents of a tensor without reading all of it: type, shape, and a checksum of its values. For a large tensor the checksum
     * covers eight evenly spaced pieces.
     *
     * @param name its name
     * @return in words
     * @throws FileException if there is no such tensor
     */
    public String fingerprint(String name) {
        MemorySegment data = data(name);
        long step = Math.max(PIECE_BYTES, Math.ceilDiv(data.byteSize() - PIECE_BYTES, PIECE_COUNT - 1));
        var checksum = new Checksum();
        for (long from = 0; from < data.byteSize(); from += step) {
            checksum.update(data.asSlice(from, Math.min(PIECE_BYTES, data.byteSize() - from)));
        }
        return "%s %s, checksum %s".formatted(entry(name).type(), entry(name).shape(), checksum.digits());
    }

    /**
     * Identifies the contents of the checkpoint without reading all of it: a checksum over the names and {@linkplain #fingerprint(String)
     * fingerprints} of all tensors, independent of how they are distributed over files.
     *
     * @return hexadecimal digits
     */
    public String fingerprint() {
        var checksum = new Checksum();
        new TreeSet<>(tensors.keySet()).forEach(name ->
            checksum.update(MemorySegment.ofArray("%s %s\n".formatted(name, fingerprint(name)).getBytes(StandardCharsets.UTF_8))));
        return checksum.digits();
    }

    private String description(String name) {
        TensorEntry entry = entry(name);
        return "%s %s %s".formatted(name, entry.type(), entry.shape());
    }

    /**
     * The files that contain the tensors.
     *
     * @return their paths in name order
     */
    public List<Path> files() {
        return files.values().stream().map(WeightFile::path).toList();
    }

    /**
     * Describes the format and number of the weight files, and mentions weight files in the directory that are not read.
     *
     * @return a line for display, as in {@code safetensors, 3 files (the PyTorch files beside them are not read)}
     */
    public String description() {
        boolean torch = files.values().stream().anyMatch(TorchFile.class::isInstance);
        boolean both = !torch && (Files.exists(directory.resolve(TorchFile.SINGLE)) || Files.exists(directory.resolve(TorchFile.INDEX)));
        return "%s, %s%s".formatted(torch ? "PyTorch" : "safetensors", Counts.of(files.size(), "file"),
            both ? " (the PyTorch files beside %s are not read)".formatted(files.size() == 1 ? "it" : "them") : "");
    }

    /** Unmaps all files. Segments returned by {@link #data(String)} can no longer be read. */
    @Override
    public void close() {
        files.values().forEach(WeightFile::close);
    }

    private Stored stored(String name) {
        Stored stored = tensors.get(name);
        if (stored == null) {
            TensorEntry empty = names.empty(name);
            throw new FileException(OPERATION, directory, name, -1, empty == null
                ? "there is no such tensor among the %d of this checkpoint%s".formatted(tensors.size(),
                    names.prefixWarning() == null ? "" : ": " + names.prefixWarning())
                : "has no elements (shape %s): it was saved without values, as DeepSpeed ZeRO-3 does; run its zero_to_fp32.py"
                    .formatted(empty.shape()));
        }
        return stored;
    }

    /** A tensor in a file, with its name in that file. */
    private record Stored(WeightFile file, String name) { }
}

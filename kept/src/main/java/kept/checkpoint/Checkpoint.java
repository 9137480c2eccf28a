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
import kept.io.CheckpointException;
import kept.io.Checksum;
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
 * The weights of a checkpoint directory, memory-mapped: {@code model.safetensors}, or else {@code model.safetensors.index.json} and its shards, or
 * else {@code pytorch_model.bin}, or else {@code pytorch_model.bin.index.json} and its shards.
 *
 * <p>Opening checks everything but the values: each header, and that index and shards name the same tensors. Buffers that old checkpoints carry, such
 * as rotary tables, are left out: they follow from the configuration. Names that a wrapper around the model has changed are those of the model again
 * ({@code TensorNames}). A shard may be a link within the directory, or into the blobs of the Hugging Face cache, but nowhere else
 * ({@link InputFiles}).
 */
public final class Checkpoint implements AutoCloseable {
    private static final String CONFIG = "config.json";
    private static final String OPERATION = "checkpoint";

    /** Bytes of a piece of a sample, and how many there are. */
    private static final long SAMPLED = 1 << 16;
    private static final int SAMPLES = 8;

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
     * @throws CheckpointException if there are no weights, or anything about them is wrong
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

    /** What config.json says; a bad one is told by who reads it. */
    private static boolean isTied(Path directory) {
        try {
            return Files.exists(directory.resolve(CONFIG)) && JsonObject.read("config", directory.resolve(CONFIG)).flag("tie_word_embeddings", false);
        } catch (CheckpointException e) {
            return false;
        }
    }

    /**
     * What a directory holds that lacks a file of a checkpoint, as far as that says what to do: an adapter, an unfinished download, another format.
     *
     * @param directory the directory
     * @return a clause to follow a message, beginning with a semicolon; empty where nothing is recognised
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
     * @return the names, shard after shard in the order of their data, which is the fastest to read them in; unmodifiable
     */
    public List<String> names() {
        return List.copyOf(tensors.keySet());
    }

    /**
     * Whether there is a tensor of a name.
     *
     * @param name the name
     * @return true if so
     */
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    /**
     * What is said of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws CheckpointException if there is no such tensor
     */
    public TensorEntry entry(String name) {
        Stored stored = stored(name);
        return stored.file.entry(stored.name).named(name);
    }

    /**
     * The elements of one tensor.
     *
     * @param name its name
     * @return little-endian elements, row by row, not necessarily aligned: a read-only view of the mapped file, valid until {@link #close()}, or a
     *     copy where they are stored otherwise
     * @throws CheckpointException if there is no such tensor, or a value is beyond the type it is read as
     * @throws IllegalStateException if the checkpoint is closed
     */
    public MemorySegment data(String name) {
        return data(name, Arena.ofAuto());
    }

    /**
     * The elements of one tensor, whose memory the caller frees where they have to be copied.
     *
     * @param name its name
     * @param allocator gives memory for a tensor that is not {@linkplain TensorEntry#isVerbatim() verbatim} in its file
     * @return little-endian elements, row by row; of a verbatim one a read-only view of the mapped file, valid until {@link #close()}
     * @throws CheckpointException if there is no such tensor, or a value is beyond the type it is read as
     * @throws IllegalStateException if the checkpoint is closed
     */
    public MemorySegment data(String name, SegmentAllocator allocator) {
        Stored stored = stored(name);
        return TensorReading.of(stored.file.entry(stored.name), stored.file.data(stored.name), allocator);
    }

    /**
     * Refuses a tensor that holds a NaN or an infinity.
     *
     * @param name its name
     * @throws CheckpointException naming the first such element
     */
    public void requireFinite(String name) {
        try (var arena = Arena.ofConfined()) {
            FiniteValues.require(entry(name), data(name, arena));
        }
    }

    /**
     * Looks for NaN and infinities in a tensor while its bytes are copied from its file.
     *
     * @param name the name of a {@linkplain TensorEntry#isVerbatim() verbatim} tensor
     * @return what has looked at nothing yet
     */
    public FiniteValues values(String name) {
        return new FiniteValues(entry(name), data(name));
    }

    /**
     * What a user should know of how the weights are read.
     *
     * @return a line for each thing that is unusual; mostly none
     */
    public List<String> remarks() {
        var remarks = new ArrayList<>(names.remarks());
        List<TensorEntry> entries = tensors.values().stream().map(stored -> stored.file.entry(stored.name)).toList();
        List<String> doubles = entries.stream().filter(entry -> entry.type() == StoredType.F64).map(TensorEntry::name).toList();
        if (!doubles.isEmpty()) {
            remarks.add("%s stored in F64 and rounded to F32 (the first: %s)".formatted(Counts.of(doubles.size(), "tensor is", "tensors are"),
                CheckpointException.shorten(doubles.getFirst())));
        }
        return remarks;
    }

    /**
     * A checksum of all tensors: of their names, types, shapes and values, however they lie in files.
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
     * What tells a tensor from another one of the same name without reading all of it: its type, its shape, and a checksum of its values, where these
     * are many of eight pieces that lie evenly over them.
     *
     * @param name its name
     * @return in words
     * @throws CheckpointException if there is no such tensor
     */
    public String sample(String name) {
        MemorySegment data = data(name);
        long step = Math.max(SAMPLED, Math.ceilDiv(data.byteSize() - SAMPLED, SAMPLES - 1));
        var checksum = new Checksum();
        for (long from = 0; from < data.byteSize(); from += step) {
            checksum.update(data.asSlice(from, Math.min(SAMPLED, data.byteSize() - from)));
        }
        return "%s %s, checksum %s".formatted(entry(name).type(), entry(name).shape(), checksum.digits());
    }

    private String description(String name) {
        TensorEntry entry = entry(name);
        return "%s %s %s".formatted(name, entry.type(), entry.shape());
    }

    /**
     * The files the tensors are read from.
     *
     * @return their paths, in the order of their names
     */
    public List<Path> files() {
        return files.values().stream().map(WeightFile::path).toList();
    }

    /**
     * What kind of files the weights are in, and which others lie beside them and are not read.
     *
     * @return a line for people, as in {@code safetensors, 3 files (the PyTorch files beside them are not read)}
     */
    public String description() {
        boolean torch = files.values().stream().anyMatch(TorchFile.class::isInstance);
        boolean both = !torch && (Files.exists(directory.resolve(TorchFile.SINGLE)) || Files.exists(directory.resolve(TorchFile.INDEX)));
        return "%s, %s%s".formatted(torch ? "PyTorch" : "safetensors", Counts.of(files.size(), "file"),
            both ? " (the PyTorch files beside %s are not read)".formatted(files.size() == 1 ? "it" : "them") : "");
    }

    /** Unmaps all files; their segments cannot be read any more. */
    @Override
    public void close() {
        files.values().forEach(WeightFile::close);
    }

    private Stored stored(String name) {
        Stored stored = tensors.get(name);
        if (stored == null) {
            TensorEntry empty = names.empty(name);
            throw new CheckpointException(OPERATION, directory, name, -1, empty == null
                ? "there is no such tensor among the %d of this checkpoint%s".formatted(tensors.size(),
                    names.mixture() == null ? "" : ": " + names.mixture())
                : "has no elements (shape %s): it was saved without its values, as DeepSpeed's ZeRO-3 does; run its zero_to_fp32.py"
                    .formatted(empty.shape()));
        }
        return stored;
    }

    /** A tensor in a file, under the name it has there. */
    private record Stored(WeightFile file, String name) { }
}

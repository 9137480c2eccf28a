package kept.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The weights of a checkpoint directory, memory-mapped: {@code model.safetensors}, or else {@code model.safetensors.index.json} and its shards, or
 * else {@code pytorch_model.bin}, or else {@code pytorch_model.bin.index.json} and its shards.
 *
 * <p>Opening checks everything but the values: each header, and that index and shards name the same tensors. Rotary tables that old checkpoints carry
 * ({@code rotary_emb.inv_freq}, {@code cos_cached}, {@code sin_cached}) are left out: they follow from the configuration. A shard may be a link
 * within the directory, or into {@code ../../blobs} as in the Hugging Face cache, but nowhere else.
 */
public final class Checkpoint implements AutoCloseable {
    /** The name of weights in one file. */
    static final String SINGLE_FILE = "model.safetensors";
    /** The name of PyTorch's weights in one file, and of the index of several. */
    static final String TORCH_FILE = "pytorch_model.bin";
    static final String TORCH_INDEX = "pytorch_model.bin.index.json";
    private static final String OPERATION = "checkpoint";
    private static final List<String> ROTARY_TABLES = List.of("rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached");

    /** Bytes of a piece of a sample, and how many there are. */
    private static final long SAMPLED = 1 << 16;
    private static final int SAMPLES = 8;

    private final Path directory;
    private final Map<String, WeightFile> shards = new TreeMap<>();
    private final Map<String, WeightFile> owners = new LinkedHashMap<>();

    private Checkpoint(Path directory) {
        this.directory = directory;
    }

    /**
     * Opens the weights of a directory.
     *
     * @param directory the directory
     * @return the open checkpoint; the caller closes it
     * @throws CheckpointException if there are no weights, or anything about them is wrong
     */
    public static Checkpoint open(Path directory) {
        var checkpoint = new Checkpoint(directory);
        try {
            checkpoint.openShards();
            return checkpoint;
        } catch (RuntimeException e) {
            checkpoint.close();
            throw e;
        }
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
        return List.copyOf(owners.keySet());
    }

    /**
     * Whether there is a tensor of a name.
     *
     * @param name the name
     * @return true if so
     */
    public boolean contains(String name) {
        return owners.containsKey(name);
    }

    /**
     * What is said of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws CheckpointException if there is no such tensor
     */
    public TensorEntry entry(String name) {
        return owner(name).entry(name);
    }

    /**
     * The bytes of one tensor.
     *
     * @param name its name
     * @return a read-only view of the mapped file: little-endian elements, row by row, not necessarily aligned; valid until {@link #close()}
     * @throws CheckpointException if there is no such tensor
     * @throws IllegalStateException if the checkpoint is closed
     */
    public MemorySegment data(String name) {
        return owner(name).data(name);
    }

    /**
     * A checksum of all tensors: of their names, types, shapes and values, however they lie in files.
     *
     * @return hexadecimal digits
     */
    public String checksum() {
        var checksum = new Checksum();
        new TreeSet<>(owners.keySet()).forEach(name -> {
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
        return shards.values().stream().map(WeightFile::path).toList();
    }

    /**
     * What kind of files the weights are in, and which others lie beside them and are not read.
     *
     * @return a line for people, as in {@code safetensors, 3 files (the PyTorch files beside them are not read)}
     */
    public String description() {
        boolean torch = shards.values().stream().anyMatch(TorchFile.class::isInstance);
        boolean both = !torch && (exists(TORCH_FILE) || exists(TORCH_INDEX));
        return "%s, %d file%s%s".formatted(torch ? "PyTorch" : "safetensors", shards.size(), shards.size() == 1 ? "" : "s",
            both ? " (the PyTorch files beside %s are not read)".formatted(shards.size() == 1 ? "it" : "them") : "");
    }

    /** Unmaps all files; their segments cannot be read any more. */
    @Override
    public void close() {
        shards.values().forEach(WeightFile::close);
    }

    private void openShards() {
        if (!Files.isDirectory(directory)) {
            throw new CheckpointException(OPERATION, directory, Files.exists(directory) ? "is not a directory" : "there is no such directory");
        }
        if (exists(SINGLE_FILE)) {
            addTensors(openShard(SINGLE_FILE));
        } else if (exists(ShardIndex.FILE)) {
            openIndexed(ShardIndex.FILE);
        } else if (exists(TORCH_FILE)) {
            addTensors(openShard(TORCH_FILE));
        } else if (exists(TORCH_INDEX)) {
            openIndexed(TORCH_INDEX);
        } else {
            throw new CheckpointException(OPERATION, directory,
                "holds no weights: none of %s".formatted(String.join(", ", SINGLE_FILE, ShardIndex.FILE, TORCH_FILE, TORCH_INDEX)));
        }
    }

    private boolean exists(String file) {
        return Files.exists(directory.resolve(file), LinkOption.NOFOLLOW_LINKS);
    }

    private void openIndexed(String file) {
        Path index = InputFiles.requireWithin(OPERATION, directory.resolve(file));
        Map<String, String> weightMap = ShardIndex.read(index);
        new TreeSet<>(weightMap.values()).forEach(this::openShard);
        checkAgainst(weightMap, index);
        shards.values().forEach(this::addTensors);
    }

    private WeightFile openShard(String name) {
        Path path = directory.resolve(name);
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new CheckpointException(OPERATION, path, "the index names this shard, but there is no such file");
        }
        InputFiles.requireWithin(OPERATION, path);
        WeightFile shard = name.endsWith(".bin") ? TorchFile.open(path) : SafetensorsFile.open(path);
        shards.put(name, shard);
        return shard;
    }

    private void checkAgainst(Map<String, String> weightMap, Path index) {
        weightMap.forEach((tensor, shard) -> {
            if (!shards.get(shard).contains(tensor)) {
                throw new CheckpointException(OPERATION, index, tensor, -1, "the index places it in %s, which does not hold it".formatted(shard));
            }
        });
        shards.forEach((name, shard) -> shard.entries().forEach(entry -> {
            if (!name.equals(weightMap.get(entry.name())) && !isRotaryTable(entry.name())) {
                throw new CheckpointException(OPERATION, shard.path(), entry.name(), entry.offset(), "the index does not place it in this shard");
            }
        }));
    }

    private void addTensors(WeightFile shard) {
        for (TensorEntry entry : shard.entries()) {
            if (!isRotaryTable(entry.name())) {
                owners.put(entry.name(), shard);
            }
        }
    }

    private WeightFile owner(String name) {
        WeightFile shard = owners.get(name);
        if (shard == null) {
            throw new CheckpointException(OPERATION, directory, name, -1,
                "there is no such tensor among the %d of this checkpoint".formatted(owners.size()));
        }
        return shard;
    }

    private static boolean isRotaryTable(String name) {
        return ROTARY_TABLES.stream().anyMatch(name::endsWith);
    }
}

package kept.weights;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.io.JsonObject;

/** The index of a sharded checkpoint: {@code {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}}. */
public final class ShardIndex {
    /** File name of the index of safetensors shards. */
    public static final String FILE = "model.safetensors.index.json";

    private static final String OPERATION = "checkpoint";
    private static final String WEIGHT_MAP = "weight_map";

    private ShardIndex() { }

    /**
     * Reads an index.
     *
     * @param file the index
     * @return the file of each tensor, in the order of the index; each a plain file name in the directory of the index
     * @throws FileException if the index cannot be read or names a file in another directory
     */
    public static Map<String, String> read(Path file) {
        JsonObject weightMap = JsonObject.read(OPERATION, file).object(WEIGHT_MAP);
        var shards = new LinkedHashMap<String, String>();
        for (String tensor : weightMap.keys()) {
            String shard = weightMap.string(tensor);
            if (!isPlainName(shard)) {
                throw new FileException(OPERATION, file, tensor, -1,
                    "the index places it in '%s', which is not the plain name of a file beside the index"
                    .formatted(FileException.shorten(shard)));
            }
            shards.put(tensor, shard);
        }
        if (shards.isEmpty()) {
            throw new FileException(OPERATION, file, "weight_map names no tensors");
        }
        return shards;
    }

    /**
     * Writes the index of safetensors shards.
     *
     * @param directory the directory of the shards
     * @param shards the file of each tensor
     * @param totalSize the size of all tensors in bytes
     */
    public static void write(Path directory, Map<String, String> shards, long totalSize) {
        write(directory, FILE, shards, totalSize);
    }

    /**
     * Writes an index with another file name.
     *
     * @param directory the directory of the files
     * @param file the name of the index
     * @param shards the file of each tensor
     * @param totalSize the size of all tensors in bytes
     */
    public static void write(Path directory, String file, Map<String, String> shards, long totalSize) {
        var content = new LinkedHashMap<String, Object>();
        content.put("metadata", Map.of("total_size", totalSize));
        content.put(WEIGHT_MAP, shards);
        AtomicFiles.writeJson(directory.resolve(file), content);
    }

    private static boolean isPlainName(String name) {
        if (name.isEmpty() || name.equals(".") || name.equals("..") || name.indexOf('/') >= 0 || name.indexOf('\\') >= 0) {
            return false;
        }
        try {
            Path path = Path.of(name);
            return !path.isAbsolute() && path.getNameCount() == 1;
        } catch (InvalidPathException e) {
            return false;
        }
    }
}

package kept.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import kept.io.FileException;
import kept.io.HubCache;
import kept.io.InputFiles;
import kept.safetensors.SafetensorsFile;
import kept.torch.TorchFile;
import kept.weights.ShardIndex;
import kept.weights.WeightFile;

/** Finds and opens the weight files of a directory. If there are none, explains what the directory contains instead. */
final class CheckpointFiles {
    private static final String OPERATION = "checkpoint";
    private static final List<String> WEIGHTS = List.of(SafetensorsFile.SINGLE, ShardIndex.FILE, TorchFile.SINGLE, TorchFile.INDEX);
    private static final Pattern SHARD = Pattern.compile("(.+)-(\\d+)-of-(\\d+)\\.(safetensors|bin)");
    private static final List<String> UNFINISHED = List.of(".incomplete", ".aria2", ".part", ".partial", ".crdownload", ".download", ".!qB", ".tmp");

    private final Path directory;
    private final Map<String, WeightFile> open = new TreeMap<>();

    private CheckpointFiles(Path directory) {
        this.directory = directory;
    }

    /**
     * Opens the weights of a directory.
     *
     * @param directory the directory
     * @return the open files by name; the caller closes them
     * @throws FileException if there are none or one of them is invalid; all files are closed then
     */
    static Map<String, WeightFile> open(Path directory) {
        var files = new CheckpointFiles(directory);
        try {
            files.open();
            return files.open;
        } catch (RuntimeException e) {
            files.open.values().forEach(WeightFile::close);
            throw e;
        }
    }

    /**
     * Explains what a directory without weight files, or without another file that a checkpoint needs, contains instead, if that helps the user.
     *
     * @param directory the directory
     * @return a clause to append to an error message, starting with "; ", or an empty string
     */
    static String hint(Path directory) {
        try (Stream<Path> entries = Files.list(directory)) {
            List<String> names = entries.map(Path::getFileName).map(Path::toString).sorted().toList();
            Path cache = directory.resolve(".cache/huggingface/download");
            if (Files.isDirectory(cache)) {
                try (Stream<Path> downloads = Files.list(cache)) {
                    if (downloads.anyMatch(file -> file.toString().endsWith(".incomplete"))) {
                        return "; a download into this directory is unfinished (%s): resume it".formatted(cache);
                    }
                }
            }
            String hint = hint(names);
            return hint.isEmpty() || hint.equals(withoutIndex(names)) ? hint + HubCache.remedy(directory.resolve(SafetensorsFile.SINGLE)) : hint;
        } catch (IOException e) {
            return "";
        }
    }

    private static String hint(List<String> names) {
        for (String name : names) {
            if (name.startsWith("adapter_model") || name.equals("adapter_config.json")) {
                return "; %s is part of an adapter (PEFT, LoRA): merge it into its base model (merge_and_unload) and save that".formatted(name);
            }
            if (UNFINISHED.stream().anyMatch(name::endsWith)) {
                return "; %s is an unfinished download: resume it".formatted(name);
            }
        }
        if (names.contains("snapshots") && names.contains("blobs")) {
            return "; this is the root of a Hugging Face cache entry: name a directory in its snapshots";
        }
        if (names.stream().anyMatch(WEIGHTS::contains)) {
            return "";
        }
        String withoutIndex = withoutIndex(names);
        if (!withoutIndex.isEmpty()) {
            return withoutIndex;
        }
        for (String name : names) {
            String other = otherFormat(name);
            if (other != null) {
                return "; %s is %s".formatted(name, other);
            }
        }
        return "";
    }

    /** A clause about the index that shards lack; empty if there are no shards. */
    private static String withoutIndex(List<String> names) {
        for (String name : names) {
            Matcher shard = SHARD.matcher(name);
            if (shard.matches()) {
                return "; it holds shards such as %s, but not their index, %s.%s.index.json: download that too".formatted(name, shard.group(1),
                    shard.group(4));
            }
        }
        return "";
    }

    private static String otherFormat(String name) {
        return switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "gguf" -> "for llama.cpp: use the model's safetensors or PyTorch files";
            case "h5" -> "for TensorFlow: use the model's safetensors or PyTorch files";
            case "msgpack" -> "for Flax: use the model's safetensors or PyTorch files";
            case "pth" -> "in Meta's or another layout: convert it with transformers, which writes safetensors";
            case "onnx" -> "an ONNX model: use the model's safetensors or PyTorch files";
            case "distcp" -> "a shard of a distributed checkpoint: merge it (torch.distributed.checkpoint.format_utils) first";
            case "zip", "tar", "gz", "tgz", "7z", "xz", "zst" -> "an archive: unpack it";
            case "safetensors" -> "not called model.safetensors: rename it if it is the whole model";
            case "bin", "pt", "ckpt" -> "not called pytorch_model.bin: rename it if it is the whole model";
            default -> null;
        };
    }

    private void open() {
        if (!Files.isDirectory(directory)) {
            throw new FileException(OPERATION, directory, Files.exists(directory) ? "is not a directory" : "there is no such directory");
        }
        if (exists(SafetensorsFile.SINGLE)) {
            openShard(SafetensorsFile.SINGLE);
        } else if (exists(ShardIndex.FILE)) {
            openIndexed(ShardIndex.FILE);
        } else if (exists(TorchFile.SINGLE)) {
            openShard(TorchFile.SINGLE);
        } else if (exists(TorchFile.INDEX)) {
            openIndexed(TorchFile.INDEX);
        } else {
            throw new FileException(OPERATION, directory, "holds no weights: none of %s%s".formatted(
                String.join(", ", WEIGHTS), hint(directory)));
        }
    }

    private boolean exists(String file) {
        return Files.exists(directory.resolve(file), LinkOption.NOFOLLOW_LINKS);
    }

    private void openIndexed(String file) {
        Path index = InputFiles.requireWithin(OPERATION, directory.resolve(file));
        Map<String, String> weightMap = ShardIndex.read(index);
        var shards = new TreeSet<>(weightMap.values());
        List<String> missing = shards.stream().filter(shard -> !exists(shard)).toList();
        if (!missing.isEmpty()) {
            throw new FileException(OPERATION, directory.resolve(missing.getFirst()),
                "the index names this shard, but there is no such file (%d of %d shards are missing): finish the download%s".formatted(
                    missing.size(), shards.size(), missing.size() < shards.size() ? HubCache.remedy(directory.resolve(file)) : hint(directory)));
        }
        shards.forEach(this::openShard);
        checkAgainst(weightMap, index);
    }

    private void openShard(String name) {
        Path path = InputFiles.requireWithin(OPERATION, directory.resolve(name));
        if (exists(name + ".aria2")) {
            throw new FileException(OPERATION, path,
                "its download is unfinished: %s.aria2 is still there; resume it with aria2c".formatted(name));
        }
        open.put(name, name.endsWith(".bin") ? TorchFile.open(path) : SafetensorsFile.open(path));
    }

    private void checkAgainst(Map<String, String> weightMap, Path index) {
        weightMap.forEach((tensor, shard) -> {
            if (!open.get(shard).contains(tensor)) {
                throw new FileException(OPERATION, index, tensor, -1, "the index places it in %s, which does not hold it".formatted(shard));
            }
        });
        open.forEach((name, shard) -> shard.entries().forEach(entry -> {
            if (!name.equals(weightMap.get(entry.name())) && !TensorNames.isBuffer(entry.name())) {
                throw new FileException(OPERATION, shard.path(), entry.name(), entry.offset(), "the index does not place it in this shard");
            }
        }));
    }
}

package kept.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Rules and operations common to directories that appear atomically: where they may be placed and how they get there. */
final class DirectoryPlacement {
    /** Prefix of error messages. */
    static final String OPERATION = "output";
    /** Suffix of a directory being written or deleted. */
    static final String PARTIAL = "partial";
    /** Suffix of a directory being replaced. */
    static final String OLD = "old";

    /** Directories beside an output that runs fill, replace and delete; snapshots are outputs of their own. */
    private static final List<String> BESIDE = List.of(".training", ".calibration", ".partial");

    private DirectoryPlacement() { }

    /** Resolves the directory that a path denotes, absolute and without links. */
    static Path resolve(Path path) throws IOException {
        if (Files.exists(path) && !Files.isDirectory(path)) {
            throw new FileException(OPERATION, path, "is a file, not a directory; choose another output");
        }
        return OutputPath.resolve(path);
    }

    /** Rejects directories that must not be replaced: non-empty without {@code overwrite}, of another kind, or with files of the user. */
    static void requireReplaceable(Path path, Path target, OutputKind kind, boolean overwrite, Path... inputs) throws IOException {
        if (isFilled(target) && !overwrite) {
            throw new FileException(OPERATION, path, "exists and is not empty; choose another directory, or replace it with --overwrite");
        }
        refuseHoldingUserData(path, target, inputs);
        if (target.getFileName() == null) {
            throw new FileException(OPERATION, path, "is the root of a file system; choose another output");
        }
        if (Files.isDirectory(target) && OutputPath.isMountPoint(target)) {
            throw new FileException(OPERATION, path, "is a mount point, which cannot be replaced; choose a directory in it");
        }
        kind.requireOf(path, target);
        OwnFiles.CHECKPOINT.requireNothingElse(target, "the directory is not replaced; choose another, or move that away");
    }

    /**
     * Cleans up what a killed run left beside an output: restores a directory moved aside whose replacement never arrived, and deletes partial
     * directories. The caller must hold the output's lock.
     *
     * @throws FileException if they contain a file that no run wrote; they are kept then
     */
    static void recover(Path target) throws IOException {
        for (Path old : siblings(target, OLD)) {
            if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
                OwnFiles.CHECKPOINT.delete(old);
            } else {
                Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
            }
        }
        for (Path partial : siblings(target, PARTIAL)) {
            OwnFiles.LEFTOVERS.delete(partial);
        }
    }

    private static List<Path> siblings(Path target, String suffix) throws IOException {
        Pattern name = Pattern.compile(Pattern.quote("." + target.getFileName()) + "\\." + OwnFiles.RANDOM + "\\." + suffix);
        try (Stream<Path> siblings = Files.list(target.getParent())) {
            return siblings.filter(path -> name.matcher(path.getFileName().toString()).matches()).sorted().toList();
        }
    }

    /**
     * Syncs all files of a directory to disk and moves it to its target. If the target exists, both swap names in one step where the system supports
     * it; otherwise the old directory is moved aside first, under a hidden name that {@link #recover} recognises.
     *
     * @param temporary where it was written
     * @param target its place
     * @param overwrite whether an existing target is replaced
     * @param refuge where to keep it if it cannot be moved to its target; may be where it was written
     * @throws FileException if this fails or something else has appeared at the target; the message says where the finished files are
     */
    static void put(Path temporary, Path target, boolean overwrite, Path refuge) {
        Path old = null;
        try {
            sync(temporary);
            if (overwrite && isFilled(target)) {
                OwnFiles.CHECKPOINT.firstForeign(target).ifPresent(foreign -> {
                    throw new FileException(OPERATION, target, "now contains %s, so it is not replaced; the finished files are in %s"
                        .formatted(target.relativize(foreign), refuge));
                });
                old = replace(temporary, target);
            } else {
                Files.deleteIfExists(target);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            }
            AtomicFiles.syncDirectory(target.getParent());
        } catch (FileException e) {
            move(temporary, refuge, e);
            throw e;
        } catch (IOException e) {
            move(temporary, refuge, e);
            throw new FileException(OPERATION, target, "cannot be moved into place: %s; the finished files are in %s"
                .formatted(AtomicFiles.reason(e), Files.exists(refuge) ? refuge : target), e);
        }
        if (old != null) {
            delete(OwnFiles.CHECKPOINT, old, "the replaced directory cannot be deleted (the new one is in place): ");
        }
    }

    /** Replaces a directory with another and returns where the old one is now. */
    private static Path replace(Path temporary, Path target) throws IOException {
        if (PathExchange.exchange(temporary, target)) {
            return temporary;
        }
        Path old = sibling(target, OLD);
        Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            return old;
        } catch (IOException e) {
            move(old, target, e);
            throw e;
        }
    }

    /** Returns an unused hidden name beside a directory. */
    static Path sibling(Path target, String suffix) {
        return target.resolveSibling(".%s.%s.%s".formatted(target.getFileName(), UUID.randomUUID(), suffix));
    }

    static boolean isFilled(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return false;
        }
        try (Stream<Path> content = Files.list(directory)) {
            return content.findAny().isPresent();
        }
    }

    static void delete(OwnFiles files, Path root, String problem) {
        try {
            files.delete(root);
        } catch (IOException e) {
            throw new FileException(OPERATION, root, problem + AtomicFiles.reason(e), e);
        }
    }

    /** Moves a directory if it exists and the destination is free. */
    private static void move(Path from, Path to, Exception cause) {
        if (Files.exists(from) && !Files.exists(to)) {
            try {
                Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                cause.addSuppressed(e);
            }
        }
    }

    private static void sync(Path directory) throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(directory)) {
            paths = walk.toList();
        }
        for (Path path : paths) {
            if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
                AtomicFiles.syncDirectory(path);
            } else if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                // For reading, since a file copied from a read-only file is itself read-only.
                try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                    channel.force(true);
                }
            }
        }
    }

    /** Replacing renames the old directory, so even an empty one must not be a working directory. Directories beside the output are deleted too. */
    private static void refuseHoldingUserData(Path path, Path target, Path... inputs) throws IOException {
        SequencedMap<Path, String> precious = new LinkedHashMap<>();
        Stream.of(inputs).forEach(input -> precious.put(input, "an input"));
        precious.putIfAbsent(Path.of(""), "the working directory");
        Stream.of(System.getProperty("user.home"), System.getenv("HOME")).filter(home -> home != null && !home.isEmpty())
                .forEach(home -> precious.putIfAbsent(Path.of(home), "the home directory"));
        for (Map.Entry<Path, String> kept : precious.entrySet()) {
            if (!Files.exists(kept.getKey())) {
                continue;
            }
            Path place = kept.getKey().toRealPath();
            String what = "%s, %s".formatted(place, kept.getValue());
            if (place.startsWith(target)) {
                throw new FileException(OPERATION, path, "%s %s, so it is not replaced; choose another directory"
                    .formatted(place.equals(target) ? "is" : "holds", what));
            }
            for (String suffix : target.getFileName() == null ? List.<String>of() : BESIDE) {
                Path beside = target.resolveSibling(target.getFileName() + suffix);
                if (place.startsWith(beside)) {
                    throw new FileException(OPERATION, path, "%s, which a run for it replaces, %s %s; choose another directory"
                        .formatted(beside, place.equals(beside) ? "is" : "holds", what));
                }
            }
        }
    }
}

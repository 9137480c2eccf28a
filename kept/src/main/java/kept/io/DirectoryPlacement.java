package kept.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What directories in the making have in common: where they may come to stand, and how they get there at once. */
final class DirectoryPlacement {
    /** What errors begin with. */
    static final String OPERATION = "output";
    /** A directory in the making, or the rest of one that was being deleted. */
    static final String PARTIAL = "partial";
    /** A directory that was replaced, or was about to be when the run was killed. */
    static final String OLD = "old";

    private static final String RANDOM = "\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.";

    private DirectoryPlacement() { }

    /** The directory that a path stands for, absolute and without links. */
    static Path resolve(Path path) throws IOException {
        if (Files.exists(path) && !Files.isDirectory(path)) {
            throw new CheckpointException(OPERATION, path, "is a file, not a directory; choose another output");
        }
        return OutputPath.resolve(path);
    }

    /** Refuses what must not be replaced: a filled directory without {@code overwrite}, and any that is not only made of this program's files. */
    static void requireReplaceable(Path path, Path target, boolean overwrite, Path... inputs) throws IOException {
        if (isFilled(target) && !overwrite) {
            throw new CheckpointException(OPERATION, path, "exists and is not empty; choose another directory, or replace it with --overwrite");
        }
        refuseHoldingUserData(path, target, inputs);
        if (target.getFileName() == null) {
            throw new CheckpointException(OPERATION, path, "is the root of a file system; choose another output");
        }
        if (Files.isDirectory(target) && OutputPath.isMountPoint(target)) {
            throw new CheckpointException(OPERATION, path, "is a mount point, which cannot be replaced; choose a directory in it");
        }
        OwnFiles.CHECKPOINT.requireNothingElse(target, "the directory is not replaced; choose another, or move that away");
    }

    /**
     * Puts right what a kill left beside an output: a directory that was to be replaced comes back if its successor never came; what was being made,
     * or deleted, goes. Only the holder of the output's lock may do so.
     *
     * @throws CheckpointException if there is anything in them that no run has put there; it stays
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
        Pattern name = Pattern.compile(Pattern.quote("." + target.getFileName()) + RANDOM + suffix);
        try (Stream<Path> siblings = Files.list(target.getParent())) {
            return siblings.filter(path -> name.matcher(path.getFileName().toString()).matches()).sorted().toList();
        }
    }

    /**
     * Forces all files of a directory to disk and gives it its place. Where there is a directory to replace, both exchange their names at once if the
     * system can; else the old one is moved aside first, and {@link #recover} knows it by its hidden name.
     *
     * @param temporary where it was made
     * @param target its place
     * @param overwrite whether what is there is replaced
     * @param refuge where it goes if it cannot have its place; may be where it was made
     * @throws CheckpointException if the disk refuses, or something else has come to be there meanwhile; the message says where the finished files
     *     are
     */
    static void put(Path temporary, Path target, boolean overwrite, Path refuge) {
        Path old = null;
        try {
            sync(temporary);
            if (overwrite && isFilled(target)) {
                OwnFiles.CHECKPOINT.firstForeign(target).ifPresent(foreign -> {
                    throw new CheckpointException(OPERATION, target, "has come to hold %s, so it is not replaced; the finished files are in %s"
                        .formatted(target.relativize(foreign), refuge));
                });
                old = replace(temporary, target);
            } else {
                Files.deleteIfExists(target);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            }
            AtomicFiles.syncDirectory(target.getParent());
        } catch (CheckpointException e) {
            move(temporary, refuge, e);
            throw e;
        } catch (IOException e) {
            move(temporary, refuge, e);
            throw new CheckpointException(OPERATION, target, "cannot be put in place: %s; the finished files are in %s"
                .formatted(AtomicFiles.reason(e), Files.exists(refuge) ? refuge : target), e);
        }
        if (old != null) {
            delete(OwnFiles.CHECKPOINT, old, "the replaced directory cannot be deleted (the new one is in place): ");
        }
    }

    /** Puts a directory in the place of another and tells where that is now. */
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

    /** A fresh hidden name beside a directory. */
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
            throw new CheckpointException(OPERATION, root, problem + AtomicFiles.reason(e), e);
        }
    }

    /** Puts a directory back or out of the way, if it is there and its place is free. */
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
                // For reading, since a file copied from a read-only one is read-only itself.
                try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                    channel.force(true);
                }
            }
        }
    }

    /** What is replaced is renamed, so even an empty directory must not be one that somebody is in. */
    private static void refuseHoldingUserData(Path path, Path target, Path... inputs) throws IOException {
        List<Path> precious = new ArrayList<>(List.of(inputs));
        precious.add(Path.of(""));
        precious.add(Path.of(System.getProperty("user.home")));
        for (Path kept : precious) {
            if (Files.exists(kept) && kept.toRealPath().startsWith(target)) {
                throw new CheckpointException(OPERATION, path, "%s %s, so it is not replaced; choose another directory"
                    .formatted(kept.toRealPath().equals(target) ? "is" : "holds", kept.toRealPath()));
            }
        }
    }
}

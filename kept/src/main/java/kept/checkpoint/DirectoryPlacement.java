package kept.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/** What directories in the making have in common: where they may come to stand, and how they get there at once. */
final class DirectoryPlacement {
    /** What errors begin with. */
    static final String OPERATION = "output";

    private DirectoryPlacement() { }

    /** The directory that a path stands for, absolute and without links. */
    static Path resolve(Path path) throws IOException {
        Path target = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath().normalize();
        if (Files.exists(path) && !Files.isDirectory(path)) {
            throw new CheckpointException(OPERATION, path, "is a file, not a directory; choose another output");
        }
        return target;
    }

    /** Refuses what must not be replaced, and the root of a file system. */
    static void requireReplaceable(Path path, Path target, boolean overwrite, Path... inputs) throws IOException {
        if (isFilled(target)) {
            if (!overwrite) {
                throw new CheckpointException(OPERATION, path, "exists and is not empty; choose another directory, or replace it with --overwrite");
            }
            refuseHoldingUserData(path, target, inputs);
        }
        if (target.getFileName() == null) {
            throw new CheckpointException(OPERATION, path, "is the root of a file system; choose another output");
        }
    }

    /**
     * Forces all files of a directory to disk and gives it its place.
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
                old = sibling(target, "old");
                Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
            } else {
                Files.deleteIfExists(target);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            AtomicFiles.syncDirectory(target.getParent());
        } catch (IOException e) {
            move(old, target, e);
            move(temporary, refuge, e);
            throw new CheckpointException(OPERATION, target, "cannot be put in place: %s; the finished files are in %s"
                .formatted(AtomicFiles.reason(e), Files.exists(refuge) ? refuge : target), e);
        }
        if (old != null) {
            deleteTree(old, "the replaced directory cannot be deleted (the new one is in place): ");
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

    static void deleteTree(Path root, String problem) {
        try {
            deleteTree(root);
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, root, problem + AtomicFiles.reason(e), e);
        }
    }

    static void deleteTree(Path root) throws IOException {
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    /** Puts a directory back or out of the way, if it is there and its place is free. */
    private static void move(Path from, Path to, IOException cause) {
        if (from != null && Files.exists(from) && !Files.exists(to)) {
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

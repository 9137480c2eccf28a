package kept.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A directory that appears whole or not at all, and whose making can go on after the process was killed. Until {@link #commit()} all lies in
 * {@code NAME.partial} beside its place:
 *
 * <pre>
 *   NAME.partial/journal.json   what the output is made of and how; a run that goes on must agree on each of it
 *   NAME.partial/files/         what becomes the output; a weight file is under its name when it is finished and on disk, else under a hidden one
 * </pre>
 *
 * <p>{@link #close()} without a commit keeps what can be gone on with, finished weight files, and deletes all else. One process at a time makes an
 * output.
 */
public final class ResumableDirectory implements AutoCloseable {
    private static final String OPERATION = "output";
    private static final String JOURNAL = "journal.json";
    private static final String FILES = "files";
    private static final String SETTINGS = "settings";
    private static final String OVERWRITE = "overwrite";
    private static final Pattern OURS = Pattern.compile("files|\\.?journal\\.json(\\.[-0-9a-f]+\\.tmp)?");
    private static final String FINISHED = ".safetensors";

    private final Path target;
    private final Path partial;
    private final boolean overwrite;
    private final OutputLock lock;
    private boolean pending = true;

    private ResumableDirectory(Path target, boolean overwrite, OutputLock lock) {
        this.target = target;
        this.partial = target.resolveSibling(target.getFileName() + ".partial");
        this.overwrite = overwrite;
        this.lock = lock;
    }

    /**
     * Begins a directory, or takes up one that was not finished.
     *
     * @param path the directory to be; a link to a directory stands for that directory
     * @param overwrite whether one that is there and not empty, or an unfinished one, is replaced
     * @param resume whether an unfinished one is taken up; then {@code overwrite} is about the place alone
     * @param settings what the output is made of and how, by name: a run that goes on must agree on each
     * @param inputs files and directories that the output is made from
     * @return the directory in the making; the caller commits and closes it
     * @throws CheckpointException if another process makes it, if there is an unfinished one and neither flag, none and {@code resume}, or one with
     *     other settings; if the place is taken as {@link OutputDirectory#prepare} says; or if the disk refuses
     */
    public static ResumableDirectory prepare(Path path, boolean overwrite, boolean resume, SequencedMap<String, String> settings, Path... inputs) {
        try {
            Path target = DirectoryPlacement.resolve(path);
            DirectoryPlacement.requireReplaceable(path, target, overwrite || resume, inputs);
            Files.createDirectories(target.getParent());
            OutputLock lock = OutputLock.take(target);
            try {
                OutputDirectory.deleteLeftovers(target);
                var directory = new ResumableDirectory(target, overwrite, lock);
                return resume ? directory.takeUp(path, settings) : directory.begin(path, settings);
            } catch (IOException | RuntimeException e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, path, "cannot be made: " + AtomicFiles.reason(e), e);
        }
    }

    private ResumableDirectory begin(Path path, SequencedMap<String, String> settings) throws IOException {
        if (Files.exists(partial.resolve(JOURNAL)) && !overwrite) {
            throw new CheckpointException(OPERATION, partial,
                "holds an unfinished output with %d finished weight files; go on with --resume, or start over with --overwrite"
                .formatted(finishedFiles().size()));
        }
        DirectoryPlacement.requireReplaceable(path, target, overwrite);
        clear();
        Files.createDirectories(directory());
        var journal = new LinkedHashMap<String, Object>();
        journal.put(OVERWRITE, overwrite);
        journal.put(SETTINGS, settings);
        AtomicFiles.writeJson(partial.resolve(JOURNAL), journal);
        return this;
    }

    private ResumableDirectory takeUp(Path path, SequencedMap<String, String> settings) throws IOException {
        if (!Files.exists(partial)) {
            throw new CheckpointException("resume", partial, "there is no unfinished output to go on with; start the run without --resume");
        }
        if (!Files.exists(partial.resolve(JOURNAL))) {
            // Killed before there was anything to go on with.
            return begin(path, settings);
        }
        JsonObject journal = JsonObject.read(OPERATION, partial.resolve(JOURNAL));
        requireSame(journal.object(SETTINGS), settings);
        if (isInPlace()) {
            return this;
        }
        boolean allowed = overwrite || journal.flag(OVERWRITE, false);
        DirectoryPlacement.requireReplaceable(path, target, allowed);
        Files.createDirectories(directory());
        try (Stream<Path> files = Files.list(directory())) {
            for (Path file : files.filter(file -> !isFinished(file)).toList()) {
                DirectoryPlacement.deleteTree(file);
            }
        }
        return new ResumableDirectory(target, allowed, lock);
    }

    private void requireSame(JsonObject before, Map<String, String> now) {
        var names = new TreeSet<>(before.keys());
        names.addAll(now.keySet());
        List<String> differences = new ArrayList<>();
        for (String name : names) {
            String old = before.has(name) ? before.string(name) : "absent";
            String current = now.getOrDefault(name, "absent");
            if (!old.equals(current)) {
                differences.add("%s was %s, is %s".formatted(name, old, current));
            }
        }
        if (!differences.isEmpty()) {
            throw new CheckpointException("resume", partial, "was begun otherwise: %s; start over with --overwrite"
                .formatted(String.join("; ", differences)));
        }
    }

    /** Deletes an unfinished output, and nothing that is none. */
    private void clear() throws IOException {
        if (!Files.exists(partial)) {
            return;
        }
        try (Stream<Path> content = Files.list(partial)) {
            if (!content.allMatch(file -> OURS.matcher(file.getFileName().toString()).matches())) {
                throw new CheckpointException(OPERATION, partial, "is not an unfinished output, yet in its place; move it away");
            }
        }
        OutputDirectory.discard(partial, target);
    }

    /**
     * Where to write the files.
     *
     * @return the directory, until {@link #commit()}
     */
    public Path directory() {
        return partial.resolve(FILES);
    }

    /**
     * Where everything lies until the commit.
     *
     * @return {@code NAME.partial}
     */
    public Path partial() {
        return partial;
    }

    /**
     * Whether the run that is taken up had put the output in place before it ended, so that nothing is left to do but {@link #commit()}.
     *
     * @return true if so
     */
    public boolean isInPlace() {
        return !Files.exists(directory()) && Files.exists(target);
    }

    /**
     * The weight files that are whole and on disk.
     *
     * @return their names, in order
     */
    public List<String> finishedFiles() {
        if (!Files.exists(directory())) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory())) {
            return files.filter(ResumableDirectory::isFinished).map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, directory(), "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    private static boolean isFinished(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(FINISHED) && !name.startsWith(".");
    }

    /**
     * Forces all files to disk, gives the directory its name and deletes the journal.
     *
     * @throws CheckpointException if the disk refuses, or something else has come to be at the path meanwhile; what is finished stays where it is
     */
    public void commit() {
        if (!pending) {
            throw new IllegalStateException("committed or closed already: " + target);
        }
        pending = false;
        try (lock) {
            if (!isInPlace()) {
                DirectoryPlacement.put(directory(), target, overwrite, directory());
            }
            OutputDirectory.discard(partial, target);
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, partial, "the journal cannot be deleted (the output is in place): " + AtomicFiles.reason(e), e);
        }
    }

    /** Without a commit, deletes what is not finished, and all if nothing is. */
    @Override
    public void close() {
        if (pending) {
            pending = false;
            try (lock) {
                if (finishedFiles().isEmpty() && !isInPlace()) {
                    OutputDirectory.discard(partial, target);
                }
            } catch (IOException e) {
                throw new CheckpointException(OPERATION, partial, "the unfinished output cannot be deleted: " + AtomicFiles.reason(e), e);
            }
        }
    }
}

package kept.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import kept.text.Counts;

/**
 * A directory that appears whole or not at all, and whose making can go on after the process was killed. Until {@link #commit()} all lies in
 * {@code NAME.partial} beside its place:
 *
 * <pre>
 *   NAME.partial/journal.json   what the output is made of and how; a run that goes on must agree on each of it
 *   NAME.partial/files/         what becomes the output; a weight file is under its name when it is finished and on disk, else under a hidden one
 *   NAME.partial/placing.json   while the output is put in place of another: which directory it is, for the kill that comes then
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
    private static final String PLACING = "placing.json";
    private static final String DIRECTORY = "directory";
    private static final String FINISHED = ".safetensors";

    private final Path target;
    private final Path partial;
    private final boolean overwrite;
    private final OutputLock lock;
    private final OutputPath.NewParents parents;
    private boolean pending = true;

    private ResumableDirectory(Path target, boolean overwrite, OutputLock lock, OutputPath.NewParents parents) {
        this.target = target;
        this.partial = partial(target);
        this.overwrite = overwrite;
        this.lock = lock;
        this.parents = parents;
    }

    /**
     * Where an output lies while it is made.
     *
     * @param path the directory to be
     * @return {@code NAME.partial}, beside what a link leads to
     */
    public static Path partial(Path path) {
        Path target = OutputDirectory.place(path);
        return target.resolveSibling(target.getFileName() + ".partial");
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
            var parents = OutputPath.NewParents.of(target);
            OutputLock lock = null;
            try {
                lock = OutputLock.take(target);
                DirectoryPlacement.recover(target);
                var directory = new ResumableDirectory(target, overwrite, lock, parents);
                OwnFiles.UNFINISHED.requireNothingElse(directory.partial, "it is no unfinished output, yet in its place; move it away");
                return resume ? directory.takeUp(path, settings) : directory.begin(path, settings);
            } catch (IOException | RuntimeException e) {
                if (lock != null) {
                    lock.close();
                }
                parents.undo();
                throw e;
            }
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, path, "cannot be made: " + AtomicFiles.reason(e), e);
        }
    }

    private ResumableDirectory begin(Path path, SequencedMap<String, String> settings) throws IOException {
        if (Files.exists(partial.resolve(JOURNAL)) && !overwrite) {
            throw new CheckpointException(OPERATION, partial,
                "holds an unfinished output with %s; go on with --resume, or start over with --overwrite"
                .formatted(Counts.of(finishedFiles().size(), "finished weight file")));
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
        finishPlacing();
        if (isInPlace()) {
            return this;
        }
        boolean allowed = overwrite || journal.flag(OVERWRITE, false);
        DirectoryPlacement.requireReplaceable(path, target, allowed);
        Files.createDirectories(directory());
        try (Stream<Path> files = Files.list(directory())) {
            for (Path file : files.filter(file -> !isFinished(file)).toList()) {
                OwnFiles.CHECKPOINT.deleteEntry(file);
            }
        }
        return new ResumableDirectory(target, allowed, lock, parents);
    }

    /** Where a run was killed while it put its output in place of another, deletes that if it lies here now, by the exchange of their names. */
    private void finishPlacing() throws IOException {
        Path placing = partial.resolve(PLACING);
        if (!Files.exists(placing)) {
            return;
        }
        String made = JsonObject.read(OPERATION, placing).string(DIRECTORY);
        if (Files.isDirectory(directory()) && Files.isDirectory(target) && made.equals(identity(target))) {
            OwnFiles.CHECKPOINT.delete(directory());
        }
        Files.delete(placing);
    }

    /** Which directory it is, whatever its name. */
    private static String identity(Path directory) throws IOException {
        return String.valueOf(Files.readAttributes(directory, BasicFileAttributes.class).fileKey());
    }

    private void requireSame(JsonObject journal, Map<String, String> now) {
        var before = new LinkedHashMap<String, String>();
        journal.keys().forEach(name -> before.put(name, journal.string(name)));
        List<String> names = SettingDifferences.names(before, now);
        if (!names.isEmpty()) {
            throw new CheckpointException("resume", partial, "was begun otherwise: %s; start over with --overwrite"
                .formatted(SettingDifferences.inWords(names, before, now)));
        }
    }

    /** Deletes an unfinished output, and nothing that is none. */
    private void clear() throws IOException {
        if (Files.exists(partial)) {
            OutputDirectory.discard(partial, target, OwnFiles.UNFINISHED);
        }
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
                if (overwrite && DirectoryPlacement.isFilled(target)) {
                    AtomicFiles.writeJson(partial.resolve(PLACING), Map.of(DIRECTORY, identity(directory())));
                }
                DirectoryPlacement.put(directory(), target, overwrite, directory());
            }
            clear();
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, partial, "the journal cannot be deleted (the output is in place): " + AtomicFiles.reason(e), e);
        }
    }

    /** Without a commit, deletes what is not finished, and all if nothing is. */
    @Override
    public void close() {
        if (pending) {
            pending = false;
            boolean nothing = finishedFiles().isEmpty() && !isInPlace();
            try (lock) {
                if (nothing) {
                    clear();
                }
            } catch (IOException e) {
                throw new CheckpointException(OPERATION, partial, "the unfinished output cannot be deleted: " + AtomicFiles.reason(e), e);
            }
            if (nothing) {
                parents.undo();
            }
        }
    }
}

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
 * A directory that appears atomically and whose writing can be resumed after the process was killed. Until {@link #commit()} everything is in
 * {@code NAME.partial} beside the target:
 *
 * <pre>
 *   NAME.partial/journal.json   what the output is made of and how; a resumed run must agree on all of it
 *   NAME.partial/files/         what becomes the output; a weight file is under its name when it is finished and on disk, else under a hidden one
 *   NAME.partial/placing.json   while the output is put in place of another: which directory it is, for the kill that comes then
 * </pre>
 *
 * <p>{@link #close()} without a commit keeps finished weight files, from which a later run resumes, and deletes the rest. Only one process at a time
 * can write an output.
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
    private final OutputKind kind;
    private final boolean overwrite;
    private final OutputLock lock;
    private final OutputPath.NewParents parents;
    private boolean pending = true;

    private ResumableDirectory(Path target, OutputKind kind, boolean overwrite, OutputLock lock, OutputPath.NewParents parents) {
        this.target = target;
        this.partial = partial(target);
        this.kind = kind;
        this.overwrite = overwrite;
        this.lock = lock;
        this.parents = parents;
    }

    /**
     * Returns the directory an output is in while it is written.
     *
     * @param path the output directory
     * @return {@code NAME.partial}, beside the target of a link
     */
    public static Path partial(Path path) {
        Path target = OutputDirectory.resolve(path);
        return target.resolveSibling(target.getFileName() + ".partial");
    }

    /**
     * Returns where the files of an output are while it is written by this or another process.
     *
     * @param path the output directory
     * @return {@code NAME.partial/files}
     */
    public static Path files(Path path) {
        return partial(path).resolve(FILES);
    }

    /**
     * Starts a directory, or resumes an unfinished one.
     *
     * @param path the output directory; a link to a directory stands for that directory
     * @param kind what it will hold; a directory of another kind is not replaced
     * @param overwrite whether an existing non-empty directory, or an unfinished one, is replaced
     * @param resume whether to resume an unfinished directory; {@code overwrite} then concerns only the target
     * @param settings the inputs and settings of the output by name; a resumed run must have the same
     * @param inputs files and directories the output is made from
     * @return the pending directory; the caller commits and closes it
     * @throws FileException if another process writes it; if an unfinished one exists and neither flag is set, {@code resume} is set and none
     *     exists, or it has other settings; if the target may not be replaced (see {@link OutputDirectory#prepare}); or if creating directories fails
     */
    public static ResumableDirectory prepare(Path path, OutputKind kind, boolean overwrite, boolean resume,
            SequencedMap<String, String> settings, Path... inputs) {
        try {
            Path target = DirectoryPlacement.resolve(path);
            DirectoryPlacement.requireReplaceable(path, target, kind, overwrite || resume, inputs);
            var parents = OutputPath.NewParents.of(target);
            OutputLock lock = null;
            try {
                lock = OutputLock.take(target);
                DirectoryPlacement.recover(target);
                var directory = new ResumableDirectory(target, kind, overwrite, lock, parents);
                OwnFiles.UNFINISHED.requireNothingElse(directory.partial, "it is not an unfinished output; move it away");
                return resume ? directory.resume(path, settings) : directory.begin(path, settings);
            } catch (IOException | RuntimeException e) {
                if (lock != null) {
                    lock.close();
                }
                parents.undo();
                throw e;
            }
        } catch (IOException e) {
            throw new FileException(OPERATION, path, "cannot be created: " + AtomicFiles.reason(e), e);
        }
    }

    private ResumableDirectory begin(Path path, SequencedMap<String, String> settings) throws IOException {
        if (Files.exists(partial.resolve(JOURNAL)) && !overwrite) {
            throw new FileException(OPERATION, partial,
                "contains an unfinished output with %s; continue with --resume, or start over with --overwrite"
                .formatted(Counts.of(finishedFiles().size(), "finished weight file")));
        }
        DirectoryPlacement.requireReplaceable(path, target, kind, overwrite);
        clear();
        try {
            Files.createDirectories(directory());
            var journal = new LinkedHashMap<String, Object>();
            journal.put(OVERWRITE, overwrite);
            journal.put(SETTINGS, settings);
            AtomicFiles.writeJson(partial.resolve(JOURNAL), journal);
            return this;
        } catch (IOException | RuntimeException e) {
            clear();
            throw e;
        }
    }

    private ResumableDirectory resume(Path path, SequencedMap<String, String> settings) throws IOException {
        if (!Files.exists(partial)) {
            throw new FileException("resume", partial, "there is no unfinished output to resume; start the run without --resume");
        }
        if (!Files.exists(partial.resolve(JOURNAL))) {
            // The run was killed before there was anything to resume.
            return begin(path, settings);
        }
        JsonObject journal = JsonObject.read(OPERATION, partial.resolve(JOURNAL));
        requireSame(journal.object(SETTINGS), settings);
        finishPlacing();
        if (isInPlace()) {
            return this;
        }
        boolean allowed = overwrite || journal.flag(OVERWRITE, false);
        DirectoryPlacement.requireReplaceable(path, target, kind, allowed);
        Files.createDirectories(directory());
        try (Stream<Path> files = Files.list(directory())) {
            for (Path file : files.filter(file -> !isFinished(file)).toList()) {
                OwnFiles.PENDING.deleteEntry(file);
            }
        }
        return new ResumableDirectory(target, kind, allowed, lock, parents);
    }

    /** If a run was killed while it replaced the old output, the old output may be here after the swap; delete it. */
    private void finishPlacing() throws IOException {
        Path placing = partial.resolve(PLACING);
        if (!Files.exists(placing)) {
            return;
        }
        String made = JsonObject.read(OPERATION, placing).string(DIRECTORY);
        if (Files.isDirectory(directory()) && Files.isDirectory(target) && made.equals(identity(target))) {
            OwnFiles.PENDING.delete(directory());
        }
        Files.delete(placing);
    }

    /** Identifies the directory independently of its name. */
    private static String identity(Path directory) throws IOException {
        return String.valueOf(Files.readAttributes(directory, BasicFileAttributes.class).fileKey());
    }

    private void requireSame(JsonObject journal, Map<String, String> now) {
        var before = new LinkedHashMap<String, String>();
        journal.keys().forEach(name -> before.put(name, journal.string(name)));
        List<String> names = SettingDifferences.names(before, now);
        if (!names.isEmpty()) {
            throw new FileException("resume", partial, "was started with other settings: %s; start over with --overwrite"
                .formatted(SettingDifferences.inWords(names, before, now)));
        }
    }

    /** Deletes an unfinished output, but nothing else. */
    private void clear() throws IOException {
        if (Files.exists(partial)) {
            OutputDirectory.discard(partial, target, OwnFiles.UNFINISHED);
        }
    }

    /**
     * The directory to write files to.
     *
     * @return the directory, until {@link #commit()}
     */
    public Path directory() {
        return partial.resolve(FILES);
    }

    /**
     * The directory that contains everything until the commit.
     *
     * @return {@code NAME.partial}
     */
    public Path partial() {
        return partial;
    }

    /**
     * Whether the resumed run had already moved the output to its target, so that only {@link #commit()} remains.
     *
     * @return true if so
     */
    public boolean isInPlace() {
        return !Files.exists(directory()) && Files.exists(target);
    }

    /**
     * The weight files that are complete and synced to disk.
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
            throw new FileException(OPERATION, directory(), "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    private static boolean isFinished(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(FINISHED) && !name.startsWith(".");
    }

    /**
     * Syncs all files to disk, moves the directory to its target and deletes the journal.
     *
     * @throws FileException if this fails or something else has appeared at the path; finished files are kept
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
            throw new FileException(OPERATION, partial, "the journal cannot be deleted (the output is in place): " + AtomicFiles.reason(e), e);
        }
    }

    /** Without a commit, deletes unfinished files, and the whole directory if no file is finished. */
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
                throw new FileException(OPERATION, partial, "the unfinished output cannot be deleted: " + AtomicFiles.reason(e), e);
            }
            if (nothing) {
                parents.undo();
            }
        }
    }
}

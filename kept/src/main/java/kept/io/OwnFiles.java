package kept.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The files that the programs put into the directories they make, by name: the one rule of what may be deleted or replaced. A directory goes only if
 * each of its entries is a regular file of such a name; a file of any other name, a folder, a link or a device is the user's, and keeps the directory
 * where it is.
 */
public final class OwnFiles {
    private static final String WEIGHTS = "model(-\\d{5}-of-\\d{5})?\\.safetensors|model\\.safetensors\\.index\\.json"
        + "|pytorch_model(-\\d{5}-of-\\d{5})?\\.bin|pytorch_model\\.bin\\.index\\.json";
    private static final String COMPANIONS = "(config|generation_config|tokenizer|tokenizer_config|special_tokens_map)\\.json"
        + "|(tokenizer|spiece)\\.model|chat_template\\.jinja";
    private static final String RECORDS = "(report|provenance)\\.json|report\\.html|metrics\\.jsonl";
    private static final String STATE = "(state|best)\\.safetensors|metrics\\.jsonl";
    private static final String MEASURED = "calibration\\.json"
        + "|model\\.(embed_tokens\\.anchor|(layers\\.\\d+\\.\\w+|norm)\\.correction|layers\\.\\d+\\.mlp\\.\\w+)\\.safetensors";

    /** Chat templates with names. */
    private static final OwnFiles TEMPLATES = new OwnFiles(".+\\.jinja", Map.of());

    /** A checkpoint with the records of how it was made: an output, or a snapshot of training. */
    public static final OwnFiles CHECKPOINT = new OwnFiles(String.join("|", WEIGHTS, COMPANIONS, RECORDS),
        Map.of("additional_chat_templates", TEMPLATES));
    /** {@code OUTPUT.training}: the state of a training run. */
    public static final OwnFiles TRAINING = new OwnFiles(STATE, Map.of());
    /** {@code OUTPUT.calibration}: what has been measured. */
    public static final OwnFiles CALIBRATION = new OwnFiles(MEASURED, Map.of());
    /** {@code OUTPUT.partial}: a {@link ResumableDirectory} in the making. */
    static final OwnFiles UNFINISHED = new OwnFiles("(journal|placing)\\.json", Map.of("files", CHECKPOINT));
    /** Hidden directories that a killed run left: any of those before. */
    static final OwnFiles LEFTOVERS = new OwnFiles(String.join("|", WEIGHTS, COMPANIONS, RECORDS, STATE, MEASURED, "(journal|placing)\\.json"),
        Map.of("files", CHECKPOINT, "additional_chat_templates", TEMPLATES));

    private final Pattern names;
    private final Map<String, OwnFiles> folders;

    private OwnFiles(String names, Map<String, OwnFiles> folders) {
        // Hidden and with more behind it while the file is written.
        this.names = Pattern.compile("(%s)|\\.(%s)\\..+\\.tmp".formatted(names, names));
        this.folders = folders;
    }

    /**
     * Whether a file of this name is one of these.
     *
     * @param name the last part of its path
     * @return true if the programs write such a file here
     */
    public boolean hasName(String name) {
        return names.matcher(name).matches();
    }

    /**
     * Looks for what the programs have not written.
     *
     * @param directory a directory
     * @return the first entry by name that is none of these, in subfolders too; empty if there is none, or no such directory
     * @throws IOException if the directory cannot be read
     */
    public Optional<Path> firstForeign(Path directory) throws IOException {
        if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        for (Path entry : entries(directory)) {
            String name = entry.getFileName().toString();
            if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                OwnFiles within = folders.get(name);
                Optional<Path> foreign = within == null ? Optional.of(entry) : within.firstForeign(entry);
                if (foreign.isPresent()) {
                    return foreign;
                }
            } else if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS) || !hasName(name)) {
                return Optional.of(entry);
            }
        }
        return Optional.empty();
    }

    /**
     * Refuses a directory that holds anything else.
     *
     * @param directory the directory; it need not exist
     * @param consequence what is therefore not done, and what to do
     * @throws CheckpointException naming the first foreign entry
     */
    public void requireNothingElse(Path directory, String consequence) {
        try {
            firstForeign(directory).ifPresent(foreign -> {
                throw new CheckpointException(DirectoryPlacement.OPERATION, directory, "holds %s, which this program does not write, so %s"
                    .formatted(described(directory, foreign), consequence));
            });
        } catch (IOException e) {
            throw new CheckpointException(DirectoryPlacement.OPERATION, directory, "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    private static String described(Path directory, Path entry) {
        String kind = Files.isSymbolicLink(entry) ? "the link " : Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS) ? "the folder " : "";
        return kind + directory.relativize(entry);
    }

    /**
     * Deletes a directory with all that is in it, if that is nothing but these files.
     *
     * @param directory a directory
     * @throws CheckpointException if there is anything else; then nothing is deleted
     * @throws IOException if the disk refuses
     */
    public void delete(Path directory) throws IOException {
        requireNothingElse(directory, "it is not deleted; move that away");
        for (Path entry : entries(directory)) {
            deleteEntry(entry);
        }
        Files.delete(directory);
    }

    /**
     * Deletes an entry of a directory of these files, a folder with all that is in it.
     *
     * @param entry a file or a folder
     * @throws CheckpointException if a folder holds anything else than these files
     * @throws IOException if the disk refuses
     */
    void deleteEntry(Path entry) throws IOException {
        OwnFiles within = folders.get(entry.getFileName().toString());
        if (within != null && Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
            within.delete(entry);
        } else {
            Files.delete(entry);
        }
    }

    private static List<Path> entries(Path directory) throws IOException {
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            throw new NotDirectoryException(directory.toString());
        }
        try (Stream<Path> list = Files.list(directory)) {
            return list.sorted().toList();
        }
    }
}

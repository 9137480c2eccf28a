package kept.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The names of files that the programs write into their directories, which decide what may be deleted or replaced. A directory is deleted only if
 * every entry is a regular file with such a name; any other file, folder, link or device belongs to the user and keeps the directory in place. In a
 * finished output, a README.md or a licence file belongs to the user too, unless it is as the programs wrote it ({@link SealedCard}).
 */
public final class OwnFiles {
    private static final String WEIGHTS = "model(-\\d{5}-of-\\d{5})?\\.safetensors|model\\.safetensors\\.index\\.json"
        + "|pytorch_model(-\\d{5}-of-\\d{5})?\\.bin|pytorch_model\\.bin\\.index\\.json";
    private static final String COMPANIONS = "(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|vocab)\\.json"
        + "|(tokenizer|spiece)\\.model|chat_template\\.jinja|merges\\.txt";
    private static final String RECORDS = "(report|provenance)\\.json|report\\.html|metrics\\.jsonl";
    private static final String RECORDING = "recording\\.json|logits-\\d{6}\\.safetensors|held-out-\\d{3}\\.safetensors";
    private static final String STATE = "(state|best)\\.safetensors|metrics\\.jsonl";
    private static final String MEASURED = "calibration\\.json"
        + "|model\\.(embed_tokens\\.anchor|(layers\\.\\d+\\.\\w+|norm)\\.correction|layers\\.\\d+\\.mlp\\.\\w+)\\.safetensors";

    /** What {@link AtomicFiles#temporary} and {@link DirectoryPlacement#sibling} put into hidden names. */
    static final String RANDOM = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    /** Named chat templates. */
    private static final OwnFiles TEMPLATES = new OwnFiles(".+\\.jinja", Map.of());
    /** A low-rank adapter beside its base. */
    private static final OwnFiles ADAPTER = new OwnFiles("adapter_config\\.json|adapter_model\\.safetensors", Map.of());
    private static final Map<String, OwnFiles> FOLDERS = Map.of("additional_chat_templates", TEMPLATES, "adapter", ADAPTER);

    /** A checkpoint with the records of how it was made: an output, or a snapshot during training; or a recording of a teacher's logits. */
    public static final OwnFiles CHECKPOINT = new OwnFiles(String.join("|", WEIGHTS, COMPANIONS, RECORDS, RECORDING), FOLDERS, true);
    /** A checkpoint that is being written or deleted, in a place of its own: cards and licences may be incomplete. */
    static final OwnFiles PENDING = new OwnFiles(String.join("|", WEIGHTS, COMPANIONS, RECORDS, RECORDING, SealedCard.NAMES), FOLDERS);
    /** {@code OUTPUT.training}: the state of a training run. */
    public static final OwnFiles TRAINING = new OwnFiles(STATE, Map.of());
    /** {@code OUTPUT.calibration}: saved measurements. */
    public static final OwnFiles CALIBRATION = new OwnFiles(MEASURED, Map.of());
    /** {@code OUTPUT.partial}: an unfinished {@link ResumableDirectory}. */
    static final OwnFiles UNFINISHED = new OwnFiles("(journal|placing)\\.json", Map.of("files", PENDING));
    /** Hidden directories left by a killed run: any of the above. */
    static final OwnFiles LEFTOVERS = new OwnFiles(
        String.join("|", WEIGHTS, COMPANIONS, RECORDS, RECORDING, STATE, MEASURED, "(journal|placing)\\.json", SealedCard.NAMES),
        Map.of("files", PENDING, "additional_chat_templates", TEMPLATES, "adapter", ADAPTER));

    private final Pattern names;
    private final Map<String, OwnFiles> folders;
    /** Whether a card and its licences belong to the programs too, if they are as they were written. */
    private final boolean sealed;

    private OwnFiles(String names, Map<String, OwnFiles> folders) {
        this(names, folders, false);
    }

    private OwnFiles(String names, Map<String, OwnFiles> folders, boolean sealed) {
        // While a file is written, its name is hidden and has a suffix.
        this.names = Pattern.compile("(%s)|\\.(%s)\\.%s\\.tmp".formatted(names, names, RANDOM));
        this.folders = folders;
        this.sealed = sealed;
    }

    /**
     * Whether this is the name of a file the programs write.
     *
     * @param name the last element of its path
     * @return true if the programs write a file of this name here
     */
    public boolean hasName(String name) {
        return names.matcher(name).matches();
    }

    /**
     * Finds an entry that the programs have not written.
     *
     * @param directory a directory
     * @return the first such entry by name, including subfolders; empty if there is none or the directory does not exist
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
            } else if (!Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS) || !hasName(name) && !(sealed && SealedCard.isOwn(directory, name))) {
                return Optional.of(entry);
            }
        }
        return Optional.empty();
    }

    /**
     * Requires that a directory contains nothing else.
     *
     * @param directory the directory; it need not exist
     * @param consequence what is not done because of it, and what to do
     * @throws FileException naming the first other entry
     */
    public void requireNothingElse(Path directory, String consequence) {
        try {
            firstForeign(directory).ifPresent(foreign -> {
                throw new FileException(DirectoryPlacement.OPERATION, directory, "holds %s, which this program does not write, so %s"
                    .formatted(described(directory, foreign), consequence));
            });
        } catch (IOException e) {
            throw new FileException(DirectoryPlacement.OPERATION, directory, "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    private static String described(Path directory, Path entry) {
        String kind = Files.isSymbolicLink(entry) ? "the link " : Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS) ? "the folder "
            : Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS) ? "" : "the pipe or device ";
        return kind + directory.relativize(entry);
    }

    /**
     * Deletes a directory and its contents if it contains only these files.
     *
     * @param directory a directory
     * @throws FileException if it contains anything else; nothing is deleted then
     * @throws IOException if deleting fails
     */
    public void delete(Path directory) throws IOException {
        requireNothingElse(directory, "it is not deleted; move that away");
        for (Path entry : entries(directory)) {
            deleteEntry(entry);
        }
        Files.delete(directory);
    }

    /**
     * Deletes an entry of such a directory, a folder with its contents.
     *
     * @param entry a file or a folder
     * @throws FileException if a folder contains other files
     * @throws IOException if deleting fails
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
            // The card last: it says which licences are the programs'.
            return list.sorted(Comparator.<Path, Boolean>comparing(entry -> entry.endsWith(SealedCard.FILE)).thenComparing(entry -> entry)).toList();
        }
    }
}

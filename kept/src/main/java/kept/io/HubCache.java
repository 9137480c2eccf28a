package kept.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The Hugging Face cache of this machine, in which models are found by their names on the Hub. Nothing is downloaded.
 *
 * <p>A model {@code OWNER/NAME} lies in {@code models--OWNER--NAME}: {@code refs/REVISION} holds a commit for each branch or tag that was asked for,
 * and {@code snapshots/COMMIT} the files, usually as links into {@code blobs}. The cache is {@code HF_HUB_CACHE}, or else {@code hub} in
 * {@code HF_HOME}, which by default is {@code huggingface} in {@code XDG_CACHE_HOME} or in {@code ~/.cache}, as in huggingface_hub.
 */
public final class HubCache {
    private static final String OPERATION = "hub";
    private static final String MAIN = "main";
    private static final String PREFIX = "models--";
    private static final String BETWEEN = "--";
    private static final String REFS = "refs";
    private static final String SNAPSHOTS = "snapshots";
    /** The longest reference, in bytes, far above that of a commit. */
    private static final long MAX_REFERENCE = 1000;

    /** Owner and name as the Hub allows them, and a revision: a branch, a tag or a commit. */
    private static final String WORD = "[A-Za-z0-9_][A-Za-z0-9_.-]*";
    private static final Pattern NAME = Pattern.compile("(" + WORD + "/" + WORD + ")(?:@(.*))?");
    private static final Pattern FOLDER = Pattern.compile(PREFIX + "(.+?)(?:@([^/]*))?");
    private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*");

    private final Path root;

    /**
     * A cache in a directory.
     *
     * @param root the directory that holds the folders of models; it need not exist
     */
    HubCache(Path root) {
        this.root = root;
    }

    /** A folder of the cache, the model's name on the Hub, and the revision asked for. */
    private record Request(Path folder, String name, String revision) {
        /** The command that would fetch the model. */
        String download() {
            return "hf download %s%s".formatted(name, revision.equals(MAIN) ? "" : " --revision " + revision);
        }
    }

    /**
     * The cache of the process's environment.
     *
     * @return the cache
     */
    public static HubCache ofEnvironment() {
        return new HubCache(root(System.getenv(), Path.of(System.getProperty("user.home"))));
    }

    /** The place of the cache as huggingface_hub finds it. */
    static Path root(Map<String, String> environment, Path home) {
        for (String variable : List.of("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")) {
            if (isSet(environment, variable)) {
                return expanded(environment.get(variable), home);
            }
        }
        Path base = isSet(environment, "XDG_CACHE_HOME") ? expanded(environment.get("XDG_CACHE_HOME"), home) : home.resolve(".cache");
        return (isSet(environment, "HF_HOME") ? expanded(environment.get("HF_HOME"), home) : base.resolve("huggingface")).resolve("hub");
    }

    private static boolean isSet(Map<String, String> environment, String variable) {
        return !environment.getOrDefault(variable, "").isEmpty();
    }

    private static Path expanded(String path, Path home) {
        return path.equals("~") ? home : path.startsWith("~/") ? home.resolve(path.substring(2)) : Path.of(path);
    }

    /**
     * Finds the directory of a model.
     *
     * @param model a directory, which is returned as it is; a folder {@code models--OWNER--NAME} of a cache; or a name {@code OWNER/NAME}, with
     *     {@code @REVISION} for another revision than main. A directory comes before a name
     * @return the directory with the model's files; a path that is none of these is returned as it is
     * @throws FileException if the path is a name or a folder of the cache, and the cache does not have the model or the revision; the message
     *     has the command that would fetch it
     */
    public Path find(Path model) {
        Optional<Request> request = request(model);
        return request.isEmpty() ? model : snapshot(model, request.get());
    }

    private Optional<Request> request(Path model) {
        String last = model.getFileName() == null ? "" : model.getFileName().toString();
        Matcher folder = FOLDER.matcher(last);
        if (folder.matches()) {
            Path whole = model.resolveSibling(PREFIX + folder.group(1));
            return Files.isDirectory(whole.resolve(SNAPSHOTS)) ? Optional.of(new Request(whole, folder.group(1).replace(BETWEEN, "/"),
                    folder.group(2) == null ? MAIN : folder.group(2))) : Optional.empty();
        }
        Matcher name = NAME.matcher(model.toString());
        if (Files.exists(model, LinkOption.NOFOLLOW_LINKS) || !name.matches()) {
            return Optional.empty();
        }
        return Optional.of(new Request(root.resolve(PREFIX + name.group(1).replace("/", BETWEEN)), name.group(1),
                name.group(2) == null ? MAIN : name.group(2)));
    }

    private Path snapshot(Path model, Request request) {
        if (!REVISION.matcher(request.revision).matches() || Stream.of(request.revision.split("/")).anyMatch(part -> part.matches("\\.+"))) {
            throw new FileException(OPERATION, model, "'%s' is not a revision: name a branch, a tag or a commit".formatted(request.revision));
        }
        if (!Files.isDirectory(request.folder)) {
            throw new FileException(OPERATION, model, "there is no such directory, and no such model in the Hugging Face cache %s; fetch it with: %s"
                    .formatted(root, request.download()));
        }
        Path reference = request.folder.resolve(REFS).resolve(request.revision);
        String commit = Files.isRegularFile(reference) ? commit(reference, request) : request.revision;
        Path snapshot = request.folder.resolve(SNAPSHOTS).resolve(commit);
        if (!Files.isDirectory(snapshot)) {
            throw new FileException(OPERATION, model, "the Hugging Face cache %s has no revision %s of it (%s); fetch it with: %s"
                    .formatted(request.folder.getParent(), request.revision, revisions(request.folder), request.download()));
        }
        return snapshot;
    }

    private static String commit(Path reference, Request request) {
        String commit = new String(InputFiles.bytes(OPERATION, reference, MAX_REFERENCE), StandardCharsets.UTF_8).strip();
        if (!commit.matches("[A-Za-z0-9_-]+")) {
            throw new FileException(OPERATION, reference, "holds no commit; fetch it again with: " + request.download());
        }
        return commit;
    }

    /** The revisions that a folder of the cache has, for a message. */
    private static String revisions(Path folder) {
        List<String> names = Stream.concat(names(folder.resolve(REFS)), names(folder.resolve(SNAPSHOTS))).toList();
        return names.isEmpty() ? "and none at all" : "it has " + names.stream().limit(8).collect(Collectors.joining(", "));
    }

    private static Stream<String> names(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList().stream();
        } catch (IOException e) {
            return Stream.empty();
        }
    }

    /**
     * The model whose snapshot a directory is.
     *
     * @param directory any directory
     * @return the name of the model on the Hub; empty if the directory is not a snapshot of a cache
     */
    public static Optional<String> nameOf(Path directory) {
        Path place = directory.toAbsolutePath().normalize();
        Path snapshots = place.getParent();
        if (snapshots == null || snapshots.getParent() == null || !snapshots.endsWith(SNAPSHOTS)) {
            return Optional.empty();
        }
        Matcher folder = FOLDER.matcher(snapshots.getParent().getFileName().toString());
        return folder.matches() ? Optional.of(folder.group(1).replace(BETWEEN, "/")) : Optional.empty();
    }

    /** What fetches a file that a snapshot of a cache lacks; empty for a file elsewhere. */
    static Optional<String> remedy(Path file) {
        Path directory = file.toAbsolutePath().getParent();
        return nameOf(directory).map(name -> "hf download %s --revision %s".formatted(name, directory.getFileName()));
    }
}

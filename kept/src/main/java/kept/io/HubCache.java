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
 * {@code HF_HOME}, which by default is {@code huggingface} in {@code XDG_CACHE_HOME} or in {@code ~/.cache}, as in huggingface_hub: variables and
 * {@code ~} in these are replaced.
 */
public final class HubCache {
    private static final String OPERATION = "hub";
    private static final String MAIN = "main";
    private static final String PREFIX = "models--";
    private static final String BETWEEN = "--";
    private static final String REFS = "refs";
    private static final String SNAPSHOTS = "snapshots";
    private static final List<String> FOLDERS = List.of(REFS, SNAPSHOTS, "blobs");
    /** The longest reference, in bytes, far above that of a commit. */
    private static final long MAX_REFERENCE = 1000;

    /** Owner and name as the Hub allows them, and a revision: a branch, a tag or a commit. */
    private static final String WORD = "[A-Za-z0-9_][A-Za-z0-9_.-]*";
    private static final Pattern NAME = Pattern.compile("(" + WORD + "/" + WORD + ")(?:@(.*))?");
    /** The page of a model on the Hub, or of a revision of it; as a path it has one slash after the scheme. */
    private static final Pattern PAGE = Pattern.compile("https?:/(?:huggingface\\.co|hf\\.co)/(" + WORD + "/" + WORD + ")(?:/tree/(.*))?");
    private static final Pattern FOLDER = Pattern.compile(PREFIX + "(.+?)(?:@([^/]*))?");
    private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*");
    /** The beginning of a commit, as git and the Hub abbreviate it. */
    private static final Pattern ABBREVIATION = Pattern.compile("[0-9a-f]{7,39}");
    private static final Pattern VARIABLE = Pattern.compile("\\$(?:\\{([^}]*)}|(\\w+))");

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

    /**
     * The place of the cache as huggingface_hub finds it.
     *
     * @param environment variables
     * @param account the home directory of the account, in which the cache is if {@code HOME} names no other
     */
    static Path root(Map<String, String> environment, Path account) {
        Path home = isSet(environment, "HOME") ? Path.of(environment.get("HOME")) : account;
        for (String variable : List.of("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")) {
            if (isSet(environment, variable)) {
                return expanded(variable, environment, home);
            }
        }
        Path base = isSet(environment, "XDG_CACHE_HOME") ? expanded("XDG_CACHE_HOME", environment, home) : home.resolve(".cache");
        return (isSet(environment, "HF_HOME") ? expanded("HF_HOME", environment, home) : base.resolve("huggingface")).resolve("hub");
    }

    private static boolean isSet(Map<String, String> environment, String variable) {
        return !environment.getOrDefault(variable, "").isEmpty();
    }

    /** The path in a variable, with {@code ~} and other variables in it replaced; one that does not exist stays as it is written. */
    private static Path expanded(String variable, Map<String, String> environment, Path home) {
        String path = environment.get(variable);
        String absolute = path.equals("~") || path.startsWith("~/") ? home + path.substring(1) : path;
        return Path.of(VARIABLE.matcher(absolute).replaceAll(found -> Matcher.quoteReplacement(
                environment.getOrDefault(found.group(1) == null ? found.group(2) : found.group(1), found.group()))));
    }

    /**
     * Finds the directory of a model.
     *
     * @param model a directory, which is returned as it is; a folder {@code models--OWNER--NAME} of a cache; or a name {@code OWNER/NAME}, with
     *     {@code @REVISION} for another revision than main, or the address of its page. A directory comes before a name
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
            return FOLDERS.stream().anyMatch(one -> Files.isDirectory(whole.resolve(one))) ? Optional.of(new Request(whole,
                    folder.group(1).replace(BETWEEN, "/"), folder.group(2) == null ? MAIN : folder.group(2))) : Optional.empty();
        }
        Matcher page = PAGE.matcher(model.toString());
        Matcher name = page.matches() ? page : NAME.matcher(model.toString());
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
        Path snapshot = request.folder.resolve(SNAPSHOTS).resolve(unabbreviated(commit, request.folder));
        if (!Files.isDirectory(snapshot)) {
            throw new FileException(OPERATION, model, "the Hugging Face cache %s has no revision %s of it (%s); fetch it with: %s"
                    .formatted(request.folder.getParent(), request.revision, revisions(request), request.download()));
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

    /** The one commit of a folder of the cache that an abbreviation begins, else the revision itself. */
    private static String unabbreviated(String revision, Path folder) {
        if (!ABBREVIATION.matcher(revision).matches()) {
            return revision;
        }
        List<String> commits = names(folder.resolve(SNAPSHOTS)).filter(name -> name.startsWith(revision)).toList();
        return commits.size() == 1 ? commits.getFirst() : revision;
    }

    /** The revisions that a folder of the cache has besides the one that is missing, for a message. */
    private static String revisions(Request request) {
        List<String> names = Stream.of(REFS, SNAPSHOTS).flatMap(one -> names(request.folder.resolve(one)))
                .filter(name -> !name.equals(request.revision)).toList();
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

    /**
     * The page of a file of a snapshot on the Hub.
     *
     * @param file the file, which need not be in the cache
     * @return its address; empty for a file elsewhere
     */
    public static Optional<String> pageOf(Path file) {
        Path place = file.toAbsolutePath().normalize();
        for (Path directory = place.getParent(); directory != null; directory = directory.getParent()) {
            Optional<String> name = nameOf(directory);
            if (name.isPresent()) {
                return Optional.of("https://huggingface.co/%s/blob/%s/%s".formatted(name.get(), directory.getFileName(), directory.relativize(place)));
            }
        }
        return Optional.empty();
    }

    /**
     * What fetches the files that a snapshot of a cache lacks.
     *
     * @param file a file that is missing, or any other of its directory
     * @return a clause to append to an error message, starting with a semicolon; empty for a file elsewhere
     */
    public static String remedy(Path file) {
        Path directory = file.toAbsolutePath().getParent();
        return nameOf(directory).map(name -> "; fetch what is missing with: hf download %s --revision %s".formatted(name, directory.getFileName()))
                .orElse("");
    }
}

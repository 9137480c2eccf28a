package kept.cli;

import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import kept.io.AtomicFiles;
import kept.io.OutputProbe;
import kept.io.OwnFiles;
import kept.model.DecoderConfig;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * The inputs and outputs of a command line ({@link Reads}, {@link Writes}). No output may replace an input, and whatever cannot be written is refused
 * before the work begins, not after it.
 */
public final class PathArguments {
    /** The name of a file that holds no text, weights or settings, and so may be replaced though it lies beside what is read. */
    private static final Pattern RESULT = Pattern.compile(".+\\.(json|html|gguf)");
    /** Those of them that checkpoints have. */
    private static final Pattern SETTINGS = Pattern.compile("(.*config.*|.*token.*|vocab|.*index|.*template.*)\\.json");
    /** The depth to which a directory is searched for another name of a file. */
    private static final int DEPTH = 4;

    private final List<Path> inputs = new ArrayList<>();
    private final List<Path> models = new ArrayList<>();
    private final Map<String, Output> outputs = new LinkedHashMap<>();

    private record Output(Path path, Writes.Kind kind) {}

    private PathArguments() {}

    /** Those of a command line. */
    static PathArguments of(ParseResult parsed) {
        var arguments = new PathArguments();
        Stream.concat(parsed.matchedOptions().stream(), parsed.matchedPositionals().stream()).distinct().forEach(arguments::add);
        return arguments;
    }

    private void add(ArgSpec argument) {
        if (annotation(argument, Reads.class).isPresent()) {
            paths(argument.getValue()).forEach(inputs::add);
            if (isModel(argument)) {
                paths(argument.getValue()).forEach(models::add);
            }
        }
        annotation(argument, Writes.class).ifPresent(writes -> paths(argument.getValue()).forEach(path ->
                outputs.put(argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel(), new Output(path, writes.value()))));
    }

    /** Whether an argument names the directory of a model. */
    public static boolean isModel(ArgSpec argument) {
        return Stream.of(argument.converters()).anyMatch(ModelDirectory.class::isInstance);
    }

    /** The annotation of an argument. */
    public static <T extends java.lang.annotation.Annotation> Optional<T> annotation(ArgSpec argument, Class<T> kind) {
        return argument.userObject() instanceof AnnotatedElement element ? Optional.ofNullable(element.getAnnotation(kind)) : Optional.empty();
    }

    /** A text may be a name and a path with = between them, or a file, or the name of something that is no file. */
    private static Stream<Path> paths(Object value) {
        return switch (value) {
            case null -> Stream.of();
            case Path path -> Stream.of(path);
            case CorpusArgument corpus -> Stream.of(corpus.file());
            case Map<?, ?> map -> paths(map.values());
            case Collection<?> all -> all.stream().flatMap(PathArguments::paths);
            case String text -> path(text.substring(text.indexOf('=') + 1)).filter(path -> text.contains("=") || Files.isRegularFile(path)).stream();
            default -> throw new IllegalStateException("no path: " + value);
        };
    }

    private static Optional<Path> path(String text) {
        try {
            return text.isEmpty() ? Optional.empty() : Optional.of(Path.of(PathArgument.withHome(text)));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    /**
     * Refuses outputs that name standard output, which is for printed results.
     *
     * @param command whose line this is
     * @throws ParameterException if an output is called -
     */
    void requireNames(CommandLine command) {
        outputs.forEach((option, output) -> {
            if (output.path.toString().equals("-")) {
                throw new ParameterException(command, "%s - does not write to standard output; name a file, or ./- for one of that name"
                        .formatted(option));
            }
        });
    }

    /**
     * Refuses models that are neither a directory nor in the Hugging Face cache.
     *
     * @throws kept.io.FileException naming the first, with the command that would fetch it
     */
    void requireModels() {
        models.forEach(ModelDirectory::require);
    }

    /** All that is read. */
    Path[] inputs() {
        return inputs.toArray(Path[]::new);
    }

    /**
     * Refuses outputs that cannot be written, or that would replace an input or another output.
     *
     * @throws ProgramException if one would
     * @throws kept.io.FileException if one cannot be written
     */
    void requireOutputs() {
        outputs.forEach((option, output) -> {
            try {
                if (output.kind != Writes.Kind.TEMPORARY_FILES) {
                    requireNoInput(option, output.path);
                }
            } catch (IOException e) {
                throw new ProgramException("[output] %s %s cannot be written: %s".formatted(option, output.path, AtomicFiles.reason(e)), e);
            }
            switch (output.kind) {
                case FILE -> OutputProbe.requireFile(option, output.path);
                case NEW_FILE -> OutputProbe.requireNewFile(option, output.path);
                case DIRECTORY -> OutputProbe.requireDirectory(option, output.path);
                case TEMPORARY_FILES -> OutputProbe.requireFolder(option, output.path);
                case ADDED_FILES -> OutputProbe.requireAddedFiles(option, output.path);
            }
        });
        requireDistinct();
    }

    private void requireDistinct() {
        Map<Path, String> places = new LinkedHashMap<>();
        outputs.forEach((option, output) -> {
            if (output.kind == Writes.Kind.FILE && !OutputProbe.isSpecial(output.path)) {
                String other = places.put(OutputProbe.resolve(option, output.path), option);
                if (other != null) {
                    throw new ProgramException("[output] %s and %s name the same file, %s".formatted(other, option, output.path));
                }
            }
        });
    }

    private void requireNoInput(String option, Path output) throws IOException {
        if (!Files.isRegularFile(output)) {
            return;
        }
        for (Path input : inputs) {
            if (Files.isDirectory(input)) {
                requireNoneOf(option, output, input);
            } else if (Files.exists(input) && Files.isSameFile(input, output)) {
                throw read(option, output);
            }
        }
        requireNoCheckpoint(option, output.toRealPath());
    }

    /** A file of any checkpoint is no result, whether the program reads that checkpoint or not. */
    private static void requireNoCheckpoint(String option, Path output) {
        if (OwnFiles.CHECKPOINT.hasName(output.getFileName().toString()) && Files.exists(output.resolveSibling(DecoderConfig.FILE))) {
            throw new ProgramException("[output] %s %s is a file of a checkpoint, so it is not replaced; choose another file"
                    .formatted(option, output));
        }
    }

    private static void requireNoneOf(String option, Path output, Path directory) throws IOException {
        Path place = output.toRealPath();
        String name = place.getFileName().toString();
        boolean result = RESULT.matcher(name).matches() && !SETTINGS.matcher(name).matches() && !OwnFiles.CHECKPOINT.hasName(name);
        if (place.startsWith(directory.toRealPath()) && !result) {
            throw read(option, output);
        }
        if (links(output) > 1) {
            try (Stream<Path> files = Files.walk(directory, DEPTH)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    if (!file.toRealPath().equals(place) && Files.isSameFile(file, output)) {
                        throw read(option, output);
                    }
                }
            }
        }
    }

    /** The number of names (hard links) of a file; 1 if the system does not report it. */
    private static int links(Path file) throws IOException {
        try {
            return ((Number) Files.getAttribute(file, "unix:nlink")).intValue();
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            return 1;
        }
    }

    private static ProgramException read(String option, Path output) {
        return new ProgramException("[output] %s %s is an input, so it is not replaced; choose another file".formatted(option, output));
    }
}

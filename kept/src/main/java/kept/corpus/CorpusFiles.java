package kept.corpus;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.ZipEntry;
import kept.io.InputFiles;
import kept.io.MistakenFile;
import kept.text.Reasons;

/**
 * Finds the texts of a corpus in folders, including linked ones, and in archives. It skips and counts hidden files and folders, which systems and
 * tools create, files of unsupported kinds, and files that it has found already: text that is read twice could be held out and learnt from.
 */
final class CorpusFiles {
    private static final String MAC_RESOURCES = "__MACOSX";

    private final List<TextSource> sources = new ArrayList<>();
    private final Set<Path> files = new LinkedHashSet<>();
    private PassedOver passedOver = PassedOver.NONE;

    private CorpusFiles() { }

    /** The texts of files, folders and archives, in this order. */
    static CorpusFiles find(List<Path> paths) {
        var found = new CorpusFiles();
        paths.forEach(found::add);
        return found;
    }

    List<TextSource> sources() {
        return List.copyOf(sources);
    }

    /** The files, without links. */
    Set<Path> files() {
        return Collections.unmodifiableSet(files);
    }

    PassedOver passedOver() {
        return passedOver;
    }

    private void add(Path path) {
        if (Files.isDirectory(path)) {
            addFolder(path);
            return;
        }
        if (!Files.exists(path)) {
            throw new CorpusException("[corpus] " + path + (Files.isSymbolicLink(path) ? " is a link to nothing" : " does not exist"));
        }
        // Before the name, since a pipe of the shell, <(zcat FILE), has none that says its kind.
        InputFiles.irregularity(path).ifPresent(problem -> {
            throw new CorpusException("[corpus] " + path + " " + problem);
        });
        String name = path.getFileName().toString();
        if (TextFormat.of(name).isEmpty()) {
            throw new CorpusException("[corpus] " + path + " is of an unknown kind: supported are " + TextFormat.SUPPORTED);
        }
        if (addFile(path, name) && (sources.isEmpty() || !sources.getLast().file().equals(path))) {
            throw new CorpusException("[corpus] the archive " + path + " holds no text: supported inside are " + TextFormat.IN_ARCHIVES
                    + passedOver.inWords());
        }
    }

    /** Adds a file, unless it is there already. */
    private boolean addFile(Path file, String name) {
        MistakenFile.pointer("corpus", file).ifPresent(problem -> {
            throw new CorpusException("[corpus] " + file + " " + problem);
        });
        try {
            if (!files.add(file.toRealPath())) {
                passedOver = passedOver.withRepeated();
                return false;
            }
            if (TextFormat.of(name).orElseThrow().kind() == TextFormat.Kind.ZIP) {
                addArchive(file);
            } else {
                sources.add(new TextSource(file, null, name, Files.size(file)));
            }
            return true;
        } catch (IOException e) {
            throw new CorpusException("[corpus] %s cannot be read: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    private void addArchive(Path file) {
        try (ZipArchive archive = ZipArchive.open(file)) {
            for (ZipEntry entry : archive.files()) {
                String name = entry.getName();
                if (List.of(name.split("/")).stream().anyMatch(CorpusFiles::isHidden)) {
                    passedOver = passedOver.withHidden();
                } else if (TextFormat.of(name).filter(format -> format.kind().isStream()).isEmpty()) {
                    passedOver = passedOver.withOtherKind(name);
                } else {
                    requireOther(file, name);
                    sources.add(new TextSource(file, name, name, entry.getSize()));
                }
            }
        }
    }

    /** Entries are found by their names, so the text of one of two would be read twice and that of the other never; entries come in order. */
    private void requireOther(Path file, String name) {
        if (!sources.isEmpty() && sources.getLast().file().equals(file) && name.equals(sources.getLast().entry())) {
            throw new CorpusException("[corpus] the archive %s has two entries called %s, of which only one can be read: unpack it and rename one"
                    .formatted(file, name));
        }
    }

    private void addFolder(Path folder) {
        List<Path> found = new ArrayList<>();
        try {
            Files.walkFileTree(folder, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                    return directory.equals(folder) || !passesOver(directory) ? FileVisitResult.CONTINUE : FileVisitResult.SKIP_SUBTREE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    if (!passesOver(file)) {
                        if (attributes.isSymbolicLink()) {
                            passedOver = passedOver.withLink();
                        } else if (!attributes.isRegularFile() || TextFormat.of(file.getFileName().toString()).isEmpty()) {
                            passedOver = passedOver.withOtherKind(file.getFileName().toString());
                        } else {
                            found.add(file);
                        }
                    }
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) {
                    if (e instanceof FileSystemLoopException) {
                        passedOver = passedOver.withLink();
                        return FileVisitResult.CONTINUE;
                    }
                    throw new CorpusException("[corpus] %s, in the folder %s, cannot be read: %s".formatted(file, folder, Reasons.of(e)), e);
                }
            });
        } catch (IOException e) {
            throw new CorpusException("[corpus] the folder %s cannot be read: %s".formatted(folder, Reasons.of(e)), e);
        }
        found.sort(Comparator.comparing(file -> name(folder, file)));
        int sourcesBefore = sources.size();
        long repeatedBefore = passedOver.repeated();
        found.forEach(file -> addFile(file, name(folder, file)));
        if (sources.size() == sourcesBefore && passedOver.repeated() == repeatedBefore) {
            throw new CorpusException("[corpus] the folder " + folder + " holds no text: supported are " + TextFormat.SUPPORTED
                    + passedOver.inWords());
        }
    }

    private static String name(Path folder, Path file) {
        return folder.relativize(file).toString().replace('\\', '/');
    }

    private boolean passesOver(Path path) {
        if (!isHidden(path.getFileName().toString())) {
            return false;
        }
        passedOver = passedOver.withHidden();
        return true;
    }

    /** Files that systems and tools create: .DS_Store, ._name, .git, .ipynb_checkpoints and the like. */
    private static boolean isHidden(String name) {
        return name.startsWith(".") || name.equals(MAC_RESOURCES);
    }
}

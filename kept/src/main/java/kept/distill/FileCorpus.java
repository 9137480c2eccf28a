package kept.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;

/** The files of a corpus, in their order. */
final class FileCorpus implements Corpus {

    /**
     * A file to read.
     *
     * @param path where it lies
     * @param name its name, or its path inside the folder that was given
     */
    private record Source(Path path, String name) { }

    private final List<Source> sources;
    private final String field;

    private FileCorpus(List<Source> sources, String field) {
        this.sources = sources;
        this.field = field;
    }

    static FileCorpus of(List<Path> paths, String field) {
        if (paths.isEmpty()) {
            throw new CorpusException("[corpus] no file given: name at least one; supported are " + TextFormat.SUPPORTED);
        }
        List<Source> sources = new ArrayList<>();
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                sources.addAll(folder(path));
            } else if (!Files.exists(path)) {
                throw new CorpusException("[corpus] " + path + " does not exist");
            } else {
                String name = path.getFileName().toString();
                TextFormat.of(name).orElseThrow(() -> new CorpusException("[corpus] " + path + " is of an unknown kind: supported are "
                        + TextFormat.SUPPORTED));
                sources.add(new Source(path, name));
            }
        }
        return new FileCorpus(List.copyOf(sources), field);
    }

    private static List<Source> folder(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            List<Source> sources = files.filter(Files::isRegularFile)
                    .map(file -> new Source(file, folder.relativize(file).toString().replace('\\', '/')))
                    .filter(source -> TextFormat.of(source.name()).isPresent())
                    .sorted((a, b) -> a.name().compareTo(b.name())).toList();
            if (sources.isEmpty()) {
                throw new CorpusException("[corpus] the folder " + folder + " holds no text: supported are " + TextFormat.SUPPORTED);
            }
            return sources;
        } catch (IOException e) {
            throw new CorpusException("[corpus] the folder " + folder + " cannot be read: " + e, e);
        }
    }

    @Override
    public DocumentReader open() {
        Iterator<Source> files = sources.iterator();
        return new ChainedReader(() -> {
            if (!files.hasNext()) {
                return null;
            }
            Source source = files.next();
            return TextFormat.of(source.name()).orElseThrow().open(source.path(), source.name(), field);
        });
    }

    @Override
    public String description() {
        return sources.size() == 1 ? sources.getFirst().path().toString()
                : sources.size() + " files from " + sources.getFirst().path() + " to " + sources.getLast().path();
    }
}

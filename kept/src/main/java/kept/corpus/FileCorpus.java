package kept.corpus;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The files of a corpus, in their order. */
final class FileCorpus implements Corpus {
    private final List<TextSource> sources;
    private final PassedOver passedOver;
    private final Set<Path> files;
    private final String field;
    private final String description;

    private FileCorpus(CorpusFiles files, String field, String description) {
        this.sources = files.sources();
        this.passedOver = files.passedOver();
        this.files = files.files();
        this.field = field;
        this.description = description;
    }

    static FileCorpus of(List<Path> paths, String field) {
        if (paths.isEmpty()) {
            throw new CorpusException("[corpus] no file given: name at least one; supported are " + TextFormat.SUPPORTED);
        }
        CorpusFiles files = CorpusFiles.find(paths);
        List<Path> all = files.sources().stream().map(TextSource::file).distinct().toList();
        return new FileCorpus(files, field, all.size() == 1 ? all.getFirst().toString()
                : all.size() + " files from " + all.getFirst() + " to " + all.getLast());
    }

    @Override
    public DocumentReader open() {
        return new SourcesReader(sources, passedOver, field);
    }

    @Override
    public Set<Path> files() {
        return files;
    }

    @Override
    public String description() {
        return description;
    }
}

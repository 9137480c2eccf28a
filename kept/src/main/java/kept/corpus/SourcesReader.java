package kept.corpus;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.text.Reasons;

/** Reads texts one after another; each is opened when the previous one has ended and is closed. */
final class SourcesReader implements DocumentReader {
    private final List<TextSource> sources;
    private final String field;
    private final long allBytes;
    private DocumentReader current;
    private int begun;
    private boolean ended;
    /** The number of bytes of the texts before the current one. */
    private long bytesBefore;
    /** Counts of what was skipped among the files and in the texts before the current one. */
    private PassedOver passedBefore;

    /** The archive of the current entry; null if the current text is a file. */
    private ZipArchive archive;
    private Path archiveFile;

    SourcesReader(List<TextSource> sources, PassedOver passedOver, String field) {
        this.sources = sources;
        this.field = field;
        this.passedBefore = passedOver;
        this.allBytes = sources.stream().mapToLong(TextSource::size).sum();
    }

    @Override
    public Document next() {
        while (!ended) {
            Document document = current == null ? null : current.next();
            if (document != null) {
                return document;
            }
            leave();
            if (begun < sources.size()) {
                current = open(sources.get(begun++));
            } else {
                ended = true;
            }
        }
        return null;
    }

    private void leave() {
        if (current != null) {
            passedBefore = passedBefore.plus(current.extent().passedOver());
            bytesBefore += sources.get(begun - 1).size();
            current.close();
            current = null;
        }
    }

    private DocumentReader open(TextSource source) {
        if (TextFormat.of(source.name()).orElseThrow().kind() == TextFormat.Kind.PARQUET) {
            return ParquetReader.open(source, field);
        }
        InputStream bytes;
        try {
            bytes = source.entry() == null ? Files.newInputStream(source.file()) : archive(source.file()).open(source.entry());
        } catch (IOException e) {
            throw new CorpusException("[corpus] %s cannot be opened: %s".formatted(source.where(), Reasons.of(e)), e);
        }
        return TextFormat.read(bytes, source, field);
    }

    private ZipArchive archive(Path file) {
        if (!file.equals(archiveFile)) {
            closeArchive();
            archive = ZipArchive.open(file);
            archiveFile = file;
        }
        return archive;
    }

    @Override
    public TextExtent extent() {
        if (current == null) {
            return new TextExtent(begun, sources.size(), bytesBefore, allBytes, passedBefore);
        }
        TextExtent here = current.extent();
        return new TextExtent(begun, sources.size(), bytesBefore + Math.min(here.bytes(), sources.get(begun - 1).size()), allBytes,
                passedBefore.plus(here.passedOver()));
    }

    private void closeArchive() {
        if (archive != null) {
            archive.close();
            archive = null;
            archiveFile = null;
        }
    }

    @Override
    public void close() {
        if (current != null) {
            current.close();
            current = null;
        }
        ended = true;
        closeArchive();
    }
}

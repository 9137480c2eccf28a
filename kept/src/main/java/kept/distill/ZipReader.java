package kept.distill;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The text and JSON-lines files of an archive, in the order of their paths in it. Archives in archives are passed over. */
final class ZipReader implements DocumentReader {
    private final Path file;
    private final ZipFile archive;
    private final ChainedReader entries;

    ZipReader(Path file, String field) throws IOException {
        this.file = file;
        archive = new ZipFile(file.toFile());
        List<? extends ZipEntry> supported = archive.stream().filter(entry -> !entry.isDirectory())
                .filter(entry -> TextFormat.of(entry.getName()).filter(format -> format.kind() != TextFormat.Kind.ZIP).isPresent())
                .sorted(Comparator.comparing(ZipEntry::getName)).toList();
        if (supported.isEmpty()) {
            archive.close();
            throw new CorpusException("[corpus] the archive " + file + " holds no text: supported inside are .txt and .jsonl, both also as .gz");
        }
        Iterator<? extends ZipEntry> remaining = supported.iterator();
        entries = new ChainedReader(() -> remaining.hasNext() ? open(remaining.next(), field) : null);
    }

    private DocumentReader open(ZipEntry entry, String field) {
        String name = entry.getName();
        String where = file + ", entry " + name;
        try {
            return TextFormat.of(name).orElseThrow().read(archive.getInputStream(entry), where, name, field);
        } catch (IOException e) {
            throw new CorpusException("[corpus] " + where + " cannot be opened: " + e.getMessage(), e);
        }
    }

    @Override
    public Document next() {
        return entries.next();
    }

    @Override
    public void close() {
        entries.close();
        try {
            archive.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

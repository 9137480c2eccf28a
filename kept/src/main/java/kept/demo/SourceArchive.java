package kept.demo;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;
import kept.corpus.CorpusException;
import kept.text.Reasons;

/** An archive with Java sources, opened. */
interface SourceArchive extends AutoCloseable {

    /** The paths of the Java files in it. */
    List<String> names();

    /** The content of a file. */
    String read(String name);

    /** The bytes of a file. */
    long size(String name);

    @Override
    void close();

    /** Opens an archive repeatedly. */
    interface Opener {
        SourceArchive open();
    }

    /** Opens a file, whose entries are read one by one. */
    static SourceArchive of(Path file) {
        ZipFile zip;
        try {
            zip = new ZipFile(file.toFile());
        } catch (IOException e) {
            throw new CorpusException("[corpus] the source archive " + file + " cannot be opened: " + Reasons.of(e), e);
        }
        return new SourceArchive() {
            @Override
            public List<String> names() {
                return zip.stream().map(ZipEntry::getName).filter(name -> name.endsWith(".java")).toList();
            }

            @Override
            public String read(String name) {
                try (InputStream content = zip.getInputStream(zip.getEntry(name))) {
                    return new String(content.readAllBytes(), StandardCharsets.UTF_8);
                } catch (IOException e) {
                    throw new CorpusException("[corpus] " + file + ", entry " + name + " cannot be read: " + Reasons.of(e), e);
                }
            }

            @Override
            public long size(String name) {
                return zip.getEntry(name).getSize();
            }

            @Override
            public void close() {
                try {
                    zip.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        };
    }

    /** Opens a small archive that is not a file: all of it is read into memory. */
    static SourceArchive of(InputStream bytes) {
        Map<String, String> files = new HashMap<>();
        try (var zip = new ZipInputStream(bytes)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                if (entry.getName().endsWith(".java")) {
                    files.put(entry.getName(), new String(zip.readAllBytes(), StandardCharsets.UTF_8));
                }
            }
        } catch (IOException e) {
            throw new CorpusException("[corpus] the shipped source archive cannot be read: " + Reasons.of(e), e);
        }
        return new SourceArchive() {
            @Override
            public List<String> names() {
                return List.copyOf(files.keySet());
            }

            @Override
            public String read(String name) {
                return files.get(name);
            }

            @Override
            public long size(String name) {
                return files.get(name).getBytes(StandardCharsets.UTF_8).length;
            }

            @Override
            public void close() {
                files.clear();
            }
        };
    }
}

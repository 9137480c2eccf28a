package kept.corpus;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import kept.text.Reasons;

/** A zip archive whose entries are checked as they are read: the runtime's reader does not compare their checksums. */
final class ZipArchive implements AutoCloseable {
    private final Path file;
    private final ZipFile zip;

    private ZipArchive(Path file, ZipFile zip) {
        this.file = file;
        this.zip = zip;
    }

    static ZipArchive open(Path file) {
        try {
            return new ZipArchive(file, zip(file));
        } catch (IOException e) {
            throw new CorpusException("[corpus] the archive %s cannot be opened: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    private static ZipFile zip(Path file) throws IOException {
        try {
            return new ZipFile(file.toFile());
        } catch (ZipException e) {
            if (e.getMessage() != null && e.getMessage().contains("bad entry name")) {
                // Old archives name entries in an unknown encoding; only the names are affected.
                return new ZipFile(file.toFile(), StandardCharsets.ISO_8859_1);
            }
            throw e;
        }
    }

    /** The entries that are files, in the order of their paths. */
    List<ZipEntry> files() {
        List<ZipEntry> files = new ArrayList<>(zip.stream().filter(entry -> !entry.isDirectory()).toList());
        files.sort(Comparator.comparing(ZipEntry::getName));
        return files;
    }

    /** The content of an entry. */
    InputStream open(String name) throws IOException {
        ZipEntry entry = zip.getEntry(name);
        InputStream content = entry == null ? null : zip.getInputStream(entry);
        if (content == null) {
            throw new IOException("it is no longer in the archive");
        }
        return new Checked(content, entry);
    }

    @Override
    public void close() {
        try {
            zip.close();
        } catch (IOException e) {
            throw new CorpusException("[corpus] the archive %s cannot be closed: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    /** Compares size and checksum once all has been read. */
    private static final class Checked extends FilterInputStream {
        private final ZipEntry entry;
        private final CRC32 checksum = new CRC32();
        private long size;

        Checked(InputStream content, ZipEntry entry) {
            super(content);
            this.entry = entry;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        public int read(byte[] target, int from, int count) throws IOException {
            int read = super.read(target, from, count);
            if (read >= 0) {
                checksum.update(target, from, read);
                size += read;
            } else if (size != entry.getSize() || checksum.getValue() != entry.getCrc()) {
                throw new IOException("its content does not have the size and checksum in the archive's directory: is the archive damaged?");
            }
            return read;
        }
    }
}

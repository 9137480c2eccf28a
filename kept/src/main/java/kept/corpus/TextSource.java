package kept.corpus;

import java.nio.file.Path;

/**
 * A text to read: a file, or an entry of an archive.
 *
 * @param file its path
 * @param entry its path in the archive that the file is; null where the file is the text
 * @param name its name in the names of documents: the file's, or its path inside the folder or archive that was given
 * @param size its size in bytes
 */
record TextSource(Path file, String entry, String name, long size) {
    /** Its place, for messages. */
    String where() {
        return entry == null ? file.toString() : file + ", entry " + entry;
    }
}

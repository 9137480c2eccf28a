package kept.corpus;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/** Text documents in a fixed order. They are read on demand, with one of them in memory at a time. */
public interface Corpus {

    /**
     * Starts at the first document. Readers are independent of each other.
     *
     * @return a reader, to be closed by the caller
     */
    DocumentReader open();

    /**
     * Whether the order of the documents follows no order of their contents, so that the beginning of this corpus is like all of it.
     *
     * @return false if a part of it has to be drawn from all of it
     */
    default boolean isShuffled() {
        return false;
    }

    /**
     * The files that this corpus reads.
     *
     * @return their paths, absolute and without links; empty if it does not read files
     */
    default Set<Path> files() {
        return Set.of();
    }

    /**
     * A short description of this corpus for a log.
     *
     * @return the words
     */
    String description();

    /**
     * The text of files: {@code .txt} and {@code .md}, {@code .jsonl} (an object a line) and {@code .json} (an array of them, or an object a line),
     * all also as {@code .gz} and {@code .zst}, {@code .parquet}, and {@code .zip} archives and folders of these. Folders and archives are read in
     * the order of their paths; hidden files in them, files of other kinds, and files that are given twice are skipped and counted in
     * {@link TextExtent#passedOver}. All text is UTF-8. A text file longer than a mebibyte is cut at line ends into documents of about that size.
     *
     * <p>A record, which is an object or a row of a table, holds a text or a list of messages in the given field. A record without that field is a
     * conversation if it has {@code messages} (with {@code role} and {@code content}) or {@code conversations} (ShareGPT's form, with {@code from}
     * and {@code value}).
     *
     * @param paths files and folders, read in this order
     * @param field the field of a record, or column of a table, that holds the text
     * @return the corpus
     * @throws CorpusException if a path does not exist, is of no supported kind, or holds no supported file
     */
    static Corpus of(List<Path> paths, String field) {
        return FileCorpus.of(paths, field);
    }

    /**
     * The documents that are held out from training. The choice depends on their names alone, so adding files does not change it for the others.
     *
     * @param fraction the share of the documents held out, between 0 and 1
     * @return about that share of this corpus
     */
    default Corpus heldOut(double fraction) {
        return filtered(document -> isHeldOut(document.name(), fraction), "held-out documents of " + description());
    }

    /**
     * All documents that {@link #heldOut} with the same fraction leaves.
     *
     * @param fraction the share of the documents held out, between 0 and 1
     * @return the rest of this corpus
     */
    default Corpus training(double fraction) {
        return filtered(document -> !isHeldOut(document.name(), fraction), description());
    }

    /**
     * Whether a document belongs to the {@link #heldOut} ones.
     *
     * @param name the document's name
     * @param fraction the share of the documents held out, between 0 and 1
     * @return true if it does
     */
    static boolean isHeldOut(String name, double fraction) {
        long hash = 0xcbf29ce484222325L;                    // FNV-1a, its low entropy in short names mended by one multiplication more
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 0xFF)) * 0x100000001b3L;
        }
        hash = (hash ^ (hash >>> 32)) * 0x9e3779b97f4a7c15L;
        return (hash >>> 11) * 0x1p-53 < fraction;
    }

    private Corpus filtered(Predicate<Document> keep, String description) {
        Corpus all = this;
        return new Corpus() {
            @Override
            public DocumentReader open() {
                DocumentReader reader = all.open();
                return new DocumentReader() {
                    @Override
                    public Document next() {
                        Document document = reader.next();
                        while (document != null && !keep.test(document)) {
                            document = reader.next();
                        }
                        return document;
                    }

                    @Override
                    public TextExtent extent() {
                        return reader.extent();
                    }

                    @Override
                    public void close() {
                        reader.close();
                    }
                };
            }

            @Override
            public boolean isShuffled() {
                return all.isShuffled();
            }

            @Override
            public Set<Path> files() {
                return all.files();
            }

            @Override
            public String description() {
                return description;
            }
        };
    }
}

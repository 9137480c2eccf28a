package kept.corpus;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/** Reads documents in groups, and tokenises each group in parallel. The result does not depend on the number of threads. */
final class DocumentGroups {
    /** The approximate number of characters of a group. */
    private static final int GROUP_CHARACTERS = 1 << 22;
    /** The most documents of a group, which bounds the memory of many short ones. */
    private static final int GROUP_DOCUMENTS = 1 << 14;

    private final DocumentReader reader;
    private final DocumentEncoder encoder;
    private final IntSupplier keys;

    DocumentGroups(DocumentReader reader, DocumentEncoder encoder) {
        this(reader, encoder, () -> 0);
    }

    /**
     * Reads documents that have keys.
     *
     * @param reader of the documents
     * @param encoder turns them into tokens
     * @param keys gives the key of the document that was read last
     */
    DocumentGroups(DocumentReader reader, DocumentEncoder encoder, IntSupplier keys) {
        this.reader = reader;
        this.encoder = encoder;
        this.keys = keys;
    }

    /**
     * A tokenised document.
     *
     * @param key its key
     * @param characters its length
     * @param ids its ids
     * @param extent the extent that had been read with it
     */
    record Item(int key, long characters, int[] ids, TextExtent extent) { }

    /**
     * A document and the extent of its reader after it.
     *
     * @param document the document
     * @param key its key
     * @param extent the extent that had been read with it
     */
    private record Read(Document document, int key, TextExtent extent) {
        /** The tokenised document, or why there is none: the first error of a group is thrown, whichever thread meets one first. */
        Supplier<Item> encoded(DocumentEncoder encoder) {
            try {
                var item = new Item(key, document.characters(), encoder.encode(document), extent);
                return () -> item;
            } catch (CorpusException e) {
                return () -> {
                    throw e;
                };
            }
        }
    }

    /** The next documents; none after the last one. */
    List<Item> next() {
        List<Read> group = new ArrayList<>();
        for (long characters = 0; characters < GROUP_CHARACTERS && group.size() < GROUP_DOCUMENTS;) {
            Document document = reader.next();
            if (document == null) {
                break;
            }
            group.add(new Read(document, keys.getAsInt(), reader.extent()));
            characters += document.characters();
        }
        return group.parallelStream().map(read -> read.encoded(encoder)).toList().stream().map(Supplier::get).toList();
    }
}

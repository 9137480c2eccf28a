package kept.corpus;

/**
 * The documents of a corpus that are drawn from it. Each document has a key, a number that a seed and its place in the corpus determine, and those
 * with the smallest keys are drawn, so that any number of them is a random sample of all. The names of files do not matter, so that a text may
 * be moved or compressed. A long text is cut at line ends into excerpts, each with a key of its own, so that a part of it may be drawn.
 */
final class Excerpts implements DocumentReader {
    /** The number of bits of a key. */
    static final int KEY_BITS = 20;
    /** The most characters of an excerpt. */
    static final int LONGEST = 1 << 16;

    private final DocumentReader documents;
    private final long seed;
    private final int end;
    private Document current;
    private int at;
    private int part;
    /** The number of documents and excerpts that have been read, drawn or not. */
    private long number;

    /**
     * Reads the documents that are drawn.
     *
     * @param documents all documents; closed with this
     * @param seed which sample
     * @param end the first key that is not drawn
     */
    Excerpts(DocumentReader documents, long seed, int end) {
        this.documents = documents;
        this.seed = seed;
        this.end = end;
    }

    /** The key of the document that was read last. */
    int key() {
        return (int) (Seeds.of(seed, number) >>> (Long.SIZE - KEY_BITS));
    }

    @Override
    public Document next() {
        while (true) {
            Document next = nextExcerpt();
            number++;
            if (next == null || key() < end) {
                return next;
            }
        }
    }

    private Document nextExcerpt() {
        do {
            if (current == null) {
                current = documents.next();
                at = 0;
                part = 0;
            }
            if (current == null || current.text().length() <= LONGEST) {
                Document whole = current;
                current = null;
                return whole;
            }
            String text = current.text();
            int to = cut(text, at);
            String excerpt = text.substring(at, to);
            String name = current.name() + '/' + ++part;
            at = to;
            current = at == text.length() ? null : current;
            if (!excerpt.isBlank()) {
                return new Document(name, excerpt);
            }
        } while (true);
    }

    /** Where an excerpt ends: after its last line, or, if it is a single line, between two characters. */
    private static int cut(String text, int from) {
        int to = Math.min(text.length(), from + LONGEST);
        if (to == text.length()) {
            return to;
        }
        int line = text.lastIndexOf('\n', to - 1) + 1;
        if (line > from) {
            return line;
        }
        return Character.isHighSurrogate(text.charAt(to - 1)) ? to - 1 : to;
    }

    @Override
    public TextExtent extent() {
        return documents.extent();
    }

    @Override
    public void close() {
        documents.close();
    }
}

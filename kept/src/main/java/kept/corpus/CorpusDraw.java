package kept.corpus;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Draws a random sample of a corpus that is larger than needed. A first pass counts the characters of all documents by their keys ({@link Excerpts});
 * a second one tokenises the documents with the smallest keys. Memory does not grow with the corpus.
 *
 * <p>The tokens that are to be held out come first: documents with the very smallest keys. So they, too, are drawn from all of the corpus.
 */
final class CorpusDraw {
    /** Tokens beyond those needed, since characters are counted and not tokens. */
    private static final double MARGIN = 1.02;
    private static final int ALL = 1 << Excerpts.KEY_BITS;

    private final Corpus corpus;
    private final DocumentEncoder encoder;
    private final Draw draw;
    private final long[] charactersByKey = new long[ALL];
    private long allCharacters;

    /**
     * What is drawn.
     *
     * @param enough the number of tokens that suffice
     * @param first the number of tokens that come first and are to be drawn from all of the corpus by themselves
     * @param seed which sample
     */
    record Draw(long enough, long first, long seed) { }

    CorpusDraw(Corpus corpus, DocumentEncoder encoder, Draw draw) {
        this.corpus = corpus;
        this.encoder = encoder;
        this.draw = draw;
    }

    /**
     * Draws a sample.
     *
     * @param file receives the tokens
     * @param tokensPerCharacter an estimate
     * @return what was read; empty if all of the corpus is needed, and the file is of no use then
     */
    Optional<TextExtent> write(TokenFile file, double tokensPerCharacter) throws IOException {
        survey();
        double rate = tokensPerCharacter;
        int last = -1;
        while (true) {
            int end = end(draw.enough() * MARGIN / rate);
            if (end == ALL) {
                return Optional.empty();
            }
            if (end <= last) {
                throw new CorpusException("[corpus] a file became shorter while the corpus was read: run again once its files are complete");
            }
            last = end;
            file.clear();
            TextExtent extent = write(file, end(draw.first() / rate), end);
            if (file.tokens() >= draw.enough()) {
                return Optional.of(extent);
            }
            // The beginning has more tokens per character than the rest.
            rate = file.tokensPerCharacter();
        }
    }

    private void survey() {
        try (DocumentReader all = corpus.open(); Excerpts reader = new Excerpts(all, draw.seed(), ALL)) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                charactersByKey[reader.key()] += document.characters();
                allCharacters += document.characters();
            }
        }
    }

    /** The first key after those whose documents have so many characters. */
    private int end(double characters) {
        if (characters >= allCharacters) {
            return ALL;
        }
        double sum = 0;
        int end = 0;
        while (sum < characters && end < ALL) {
            sum += charactersByKey[end++];
        }
        return end;
    }

    private TextExtent write(TokenFile file, int firstEnd, int end) throws IOException {
        try (TokenFile rest = new TokenFile(); DocumentReader all = corpus.open(); Excerpts reader = new Excerpts(all, draw.seed(), end)) {
            var groups = new DocumentGroups(reader, encoder, reader::key);
            for (List<DocumentGroups.Item> group = groups.next(); !group.isEmpty(); group = groups.next()) {
                for (DocumentGroups.Item item : group) {
                    TokenFile target = item.key() < firstEnd ? file : rest;
                    target.add(item.characters(), item.ids());
                }
            }
            file.add(rest);
            return reader.extent();
        }
    }
}

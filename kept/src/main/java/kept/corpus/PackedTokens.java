package kept.corpus;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import kept.io.Checksum;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;

/**
 * The token ids of a corpus, one document after the other, each followed by the end-of-sequence id where the vocabulary has one.
 *
 * <p>The ids are in a temporary file of four bytes per token (in {@code java.io.tmpdir}) that is mapped into memory, so that any position can be read
 * at once and a corpus may be larger than memory. Closing this deletes the file.
 */
public final class PackedTokens implements AutoCloseable {
    private static final ValueLayout.OfInt ID = ValueLayout.JAVA_INT;
    /** The number of tokens from which the tokens of a character are estimated. */
    private static final long SAMPLE = 1 << 20;

    private final Arena arena;
    private final MemorySegment ids;
    private final TextCoverage coverage;
    private final long learnt;

    private PackedTokens(TokenFile file, TextCoverage coverage) throws IOException {
        this.arena = Arena.ofShared();
        this.ids = file.map(arena);
        this.coverage = coverage;
        this.learnt = file.learnt();
    }

    /**
     * Tokenises a corpus from its beginning until there are enough tokens, or to its end. The result does not depend on the number of threads.
     *
     * @param corpus the text
     * @param tokenizer the vocabulary
     * @param enough the number of tokens that suffice; the document that reaches it is read completely
     * @return the tokens
     * @throws CorpusException if the corpus holds no text or cannot be read, or there is no room for the temporary file
     */
    public static PackedTokens of(Corpus corpus, Tokenizer tokenizer, long enough) {
        return of(corpus, DocumentEncoder.of(tokenizer), enough);
    }

    /**
     * Tokenises a corpus from its beginning until there are enough tokens, or to its end. The result does not depend on the number of threads.
     *
     * @param corpus the documents
     * @param encoder turns them into tokens
     * @param enough the number of tokens that suffice; the document that reaches it is read completely
     * @return the tokens
     * @throws CorpusException if the corpus holds no text or cannot be read, or there is no room for the temporary file
     */
    public static PackedTokens of(Corpus corpus, DocumentEncoder encoder, long enough) {
        return written(corpus, file -> new PackedTokens(file, beginning(corpus, encoder, enough, file)));
    }

    /**
     * Tokenises a random sample of a corpus, or all of it, if that has not enough tokens. The documents keep their order, except that a part of the
     * sample, itself a sample of the whole, comes first. A corpus that is {@linkplain Corpus#isShuffled shuffled} is read from its beginning.
     *
     * @param corpus the documents
     * @param encoder turns them into tokens
     * @param enough the number of tokens that suffice
     * @param first the approximate number of tokens of the part that comes first
     * @param seed which sample; the same seed and corpus give the same tokens
     * @return the tokens
     * @throws CorpusException if the corpus holds no text or cannot be read, or there is no room for the temporary file
     */
    public static PackedTokens drawn(Corpus corpus, DocumentEncoder encoder, long enough, long first, long seed) {
        if (corpus.isShuffled()) {
            return of(corpus, encoder, enough);
        }
        return written(corpus, file -> {
            TextCoverage begun = beginning(corpus, encoder, Math.min(enough, SAMPLE), file);
            if (begun.part() == TextCoverage.Part.ALL) {
                return new PackedTokens(file, begun);
            }
            Optional<TextExtent> extent = new CorpusDraw(corpus, encoder, new CorpusDraw.Draw(enough, first, seed))
                    .write(file, file.tokensPerCharacter());
            if (extent.isPresent()) {
                return new PackedTokens(file, coverage(corpus, TextCoverage.Part.DRAWN, extent.get(), file));
            }
            file.clear();
            return new PackedTokens(file, beginning(corpus, encoder, Long.MAX_VALUE, file));
        });
    }

    /** Fills a file, and reads it. */
    @FunctionalInterface
    private interface Filling {
        PackedTokens fill(TokenFile file) throws IOException;
    }

    private static PackedTokens written(Corpus corpus, Filling filling) {
        long tokens = 0;
        try (TokenFile file = new TokenFile()) {
            try {
                return filling.fill(file);
            } finally {
                tokens = file.tokens();
            }
        } catch (IOException e) {
            throw new CorpusException("[corpus] the tokens of " + corpus.description() + " (" + tokens + " so far, four bytes each)"
                    + " cannot be kept in " + System.getProperty("java.io.tmpdir")
                    + ": " + Reasons.of(e) + "; -Djava.io.tmpdir chooses another place", e);
        }
    }

    /** Writes the documents of the beginning until there are enough tokens. */
    private static TextCoverage beginning(Corpus corpus, DocumentEncoder encoder, long enough, TokenFile file) throws IOException {
        try (DocumentReader reader = corpus.open()) {
            var groups = new DocumentGroups(reader, encoder);
            TextExtent extent = reader.extent();
            boolean ended = false;
            boolean allTaken = true;
            while (file.tokens() < enough && !ended) {
                List<DocumentGroups.Item> group = groups.next();
                ended = group.isEmpty();
                int taken = 0;
                while (taken < group.size() && file.tokens() < enough) {
                    DocumentGroups.Item item = group.get(taken);
                    file.add(item.characters(), item.ids());
                    extent = item.extent();
                    taken++;
                }
                allTaken = taken == group.size();
            }
            if (file.tokens() == 0) {
                throw new CorpusException("[corpus] " + corpus.description() + " holds no text");
            }
            boolean whole = allTaken && reader.next() == null;
            return coverage(corpus, whole ? TextCoverage.Part.ALL : TextCoverage.Part.BEGINNING, whole ? reader.extent() : extent, file);
        }
    }

    private static TextCoverage coverage(Corpus corpus, TextCoverage.Part part, TextExtent extent, TokenFile file) {
        return new TextCoverage(corpus.description(), part, extent, file.documents(), file.characters(), file.tokens(), OptionalLong.empty());
    }

    /**
     * The number of tokens.
     *
     * @return the number, special tokens between documents included
     */
    public long size() {
        return ids.byteSize() / ID.byteSize();
    }

    /**
     * The part of the corpus that was read.
     *
     * @return the numbers
     */
    public TextCoverage coverage() {
        return coverage;
    }

    /**
     * A short description for a log.
     *
     * @return the corpus, and what was read of it
     */
    public String description() {
        return coverage.description();
    }

    /**
     * The number of tokens that are learnt from.
     *
     * @return the number; less than {@link #size} if some are masked
     */
    public long learnt() {
        return learnt;
    }

    /**
     * A checksum of all ids and their marks, which does not depend on the files they came from.
     *
     * @return hexadecimal digits
     */
    public String checksum() {
        return Checksum.of(ids);
    }

    /**
     * Copies a run of ids without their marks.
     *
     * @param from the index of the first
     * @param target receives them
     * @param offset the index of the first in the target
     * @param count how many
     * @throws IndexOutOfBoundsException if they are not all there
     */
    public void copy(long from, int[] target, int offset, int count) {
        copyMasked(from, target, offset, count);
        for (int i = offset; i < offset + count; i++) {
            target[i] = TokenMask.id(target[i]);
        }
    }

    /**
     * Copies a run of ids with the marks of those that are not learnt from ({@link TokenMask}).
     *
     * @param from the index of the first
     * @param target receives them
     * @param offset the index of the first in the target
     * @param count how many
     * @throws IndexOutOfBoundsException if they are not all there
     */
    public void copyMasked(long from, int[] target, int offset, int count) {
        MemorySegment.copy(ids, ID, from * ID.byteSize(), target, offset, count);
    }

    /** Frees the memory and deletes the temporary file. */
    @Override
    public void close() {
        arena.close();
    }
}

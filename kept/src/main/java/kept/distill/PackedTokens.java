package kept.distill;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import kept.tokenizer.Tokenizer;

/**
 * The token ids of a corpus, one document behind the other, each followed by the end-of-sequence id where the vocabulary has one.
 *
 * <p>The ids lie in a temporary file of four bytes per token (in {@code java.io.tmpdir}) that is mapped into memory, so that any place can be
 * read at once and a corpus larger than the memory can be packed. The file is gone when this is closed.
 */
public final class PackedTokens implements AutoCloseable {
    private static final ValueLayout.OfInt ID = ValueLayout.JAVA_INT;
    /** Documents are tokenised side by side in groups of about so many characters. */
    private static final int GROUP_CHARACTERS = 1 << 22;

    private final Arena arena;
    private final MemorySegment ids;
    private final long documents;
    private final boolean whole;
    private final String origin;

    private PackedTokens(Arena arena, MemorySegment ids, long documents, boolean whole, String origin) {
        this.arena = arena;
        this.ids = ids;
        this.documents = documents;
        this.whole = whole;
        this.origin = origin;
    }

    /**
     * Tokenises a corpus from its beginning until there are enough tokens, or to its end. The result does not depend on the number of threads.
     *
     * @param corpus the text
     * @param tokenizer the vocabulary
     * @param enough how many tokens suffice; the document that reaches this number is taken whole
     * @return the tokens
     * @throws CorpusException if the corpus holds no text or cannot be read, or there is no room for the temporary file
     */
    public static PackedTokens of(Corpus corpus, Tokenizer tokenizer, long enough) {
        long documents = 0;
        long tokens = 0;
        boolean whole = false;
        Arena arena = Arena.ofShared();
        try (DocumentReader reader = corpus.open(); FileChannel file = temporaryFile()) {
            while (tokens < enough && !whole) {
                List<Document> group = group(reader);
                whole = group.isEmpty();
                for (int[] document : tokenise(group, tokenizer)) {
                    if (tokens < enough) {
                        write(file, document);
                        tokens += document.length;
                        documents++;
                    }
                }
            }
            if (tokens == 0) {
                throw new CorpusException("[corpus] " + corpus.description() + " holds no text");
            }
            whole |= reader.next() == null;
            MemorySegment ids = file.map(FileChannel.MapMode.READ_ONLY, 0, tokens * ID.byteSize(), arena);
            return new PackedTokens(arena, ids, documents, whole, corpus.description());
        } catch (IOException e) {
            arena.close();
            throw new CorpusException("[corpus] the tokens of " + corpus.description() + " (" + tokens + " so far, four bytes each)"
                    + " cannot be kept in " + System.getProperty("java.io.tmpdir")
                    + ": " + e.getMessage() + "; -Djava.io.tmpdir chooses another place", e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static FileChannel temporaryFile() throws IOException {
        Path path = Files.createTempFile("kept-tokens", ".bin");
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
    }

    private static List<Document> group(DocumentReader reader) {
        List<Document> group = new ArrayList<>();
        for (int characters = 0; characters < GROUP_CHARACTERS;) {
            Document document = reader.next();
            if (document == null) {
                break;
            }
            group.add(document);
            characters += document.text().length();
        }
        return group;
    }

    private static List<int[]> tokenise(List<Document> group, Tokenizer tokenizer) {
        boolean end = tokenizer.eos().isPresent();
        return group.parallelStream().map(document -> tokenizer.encode(document.text(), false, end)).toList();
    }

    private static void write(FileChannel file, int[] document) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(document.length * Integer.BYTES).order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(document);
        while (bytes.hasRemaining()) {
            file.write(bytes);
        }
    }

    /**
     * How many tokens there are.
     *
     * @return the number, marks between documents included
     */
    public long size() {
        return ids.byteSize() / ID.byteSize();
    }

    /**
     * How many documents were tokenised.
     *
     * @return the number
     */
    public long documents() {
        return documents;
    }

    /**
     * Whether these are all tokens of the corpus, or it went on where there were enough.
     *
     * @return true if the corpus ended
     */
    public boolean wholeCorpus() {
        return whole;
    }

    /**
     * What this is, in a few words for a log.
     *
     * @return the corpus, its documents and tokens
     */
    public String description() {
        return "%s: %,d documents, %,d tokens%s".formatted(origin, documents, size(), whole ? "" : " (and more, not needed)");
    }

    /**
     * Copies a run of ids.
     *
     * @param from the index of the first
     * @param target where they go
     * @param offset the place of the first in the target
     * @param count how many
     * @throws IndexOutOfBoundsException if they are not all there
     */
    public void copy(long from, int[] target, int offset, int count) {
        MemorySegment.copy(ids, ID, from * ID.byteSize(), target, offset, count);
    }

    /** Frees the memory and with it the temporary file. */
    @Override
    public void close() {
        arena.close();
    }
}

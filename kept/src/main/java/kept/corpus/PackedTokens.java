package kept.corpus;

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
    /** The approximate number of characters of a group of documents, which are tokenised in parallel. */
    private static final int GROUP_CHARACTERS = 1 << 22;

    private final Arena arena;
    private final MemorySegment ids;
    private final TextCoverage coverage;

    private PackedTokens(Arena arena, MemorySegment ids, TextCoverage coverage) {
        this.arena = arena;
        this.ids = ids;
        this.coverage = coverage;
    }

    /**
     * A document and the extent of its reader after it.
     *
     * @param document the document
     * @param extent the extent that had been read with it
     */
    private record Read(Document document, TextExtent extent) { }

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
        long documents = 0;
        long characters = 0;
        long tokens = 0;
        boolean ended = false;
        Arena arena = Arena.ofShared();
        try (DocumentReader reader = corpus.open(); FileChannel file = temporaryFile()) {
            TextExtent extent = reader.extent();
            boolean allTaken = true;
            while (tokens < enough && !ended) {
                List<Read> group = group(reader);
                ended = group.isEmpty();
                List<int[]> ids = tokenise(group, tokenizer);
                int taken = 0;
                while (taken < ids.size() && tokens < enough) {
                    write(file, ids.get(taken));
                    tokens += ids.get(taken).length;
                    characters += group.get(taken).document().text().length();
                    extent = group.get(taken).extent();
                    documents++;
                    taken++;
                }
                allTaken = taken == ids.size();
            }
            if (tokens == 0) {
                throw new CorpusException("[corpus] " + corpus.description() + " holds no text");
            }
            boolean whole = allTaken && reader.next() == null;
            var coverage = new TextCoverage(corpus.description(), whole, whole ? reader.extent() : extent, documents, characters, tokens,
                    OptionalLong.empty());
            MemorySegment ids = file.map(FileChannel.MapMode.READ_ONLY, 0, tokens * ID.byteSize(), arena);
            return new PackedTokens(arena, ids, coverage);
        } catch (IOException e) {
            arena.close();
            throw new CorpusException("[corpus] the tokens of " + corpus.description() + " (" + tokens + " so far, four bytes each)"
                    + " cannot be kept in " + System.getProperty("java.io.tmpdir")
                    + ": " + Reasons.of(e) + "; -Djava.io.tmpdir chooses another place", e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static FileChannel temporaryFile() throws IOException {
        Path path = Files.createTempFile("kept-tokens", ".bin");
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
    }

    private static List<Read> group(DocumentReader reader) {
        List<Read> group = new ArrayList<>();
        for (int characters = 0; characters < GROUP_CHARACTERS;) {
            Document document = reader.next();
            if (document == null) {
                break;
            }
            group.add(new Read(document, reader.extent()));
            characters += document.text().length();
        }
        return group;
    }

    private static List<int[]> tokenise(List<Read> group, Tokenizer tokenizer) {
        boolean end = tokenizer.eos().isPresent();
        return group.parallelStream().map(read -> tokenizer.encode(read.document().text(), false, end)).toList();
    }

    private static void write(FileChannel file, int[] document) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(document.length * Integer.BYTES).order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(document);
        while (bytes.hasRemaining()) {
            file.write(bytes);
        }
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
     * A checksum of all ids, which does not depend on the files they came from.
     *
     * @return hexadecimal digits
     */
    public String checksum() {
        return Checksum.of(ids);
    }

    /**
     * Copies a run of ids.
     *
     * @param from the index of the first
     * @param target receives them
     * @param offset the index of the first in the target
     * @param count how many
     * @throws IndexOutOfBoundsException if they are not all there
     */
    public void copy(long from, int[] target, int offset, int count) {
        MemorySegment.copy(ids, ID, from * ID.byteSize(), target, offset, count);
    }

    /** Frees the memory and deletes the temporary file. */
    @Override
    public void close() {
        arena.close();
    }
}

package kept.corpus;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Token ids in a temporary file of four bytes each (in {@code java.io.tmpdir}), which is deleted when it is closed. */
final class TokenFile implements AutoCloseable {
    private final FileChannel file;
    private long documents;
    private long characters;
    private long tokens;
    private long learnt;

    TokenFile() throws IOException {
        Path path = Files.createTempFile("kept-tokens", ".bin");
        file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
    }

    void add(long length, int... ids) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(ids.length * Integer.BYTES).order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(ids);
        while (bytes.hasRemaining()) {
            file.write(bytes);
        }
        documents++;
        characters += length;
        tokens += ids.length;
        learnt += Arrays.stream(ids).filter(id -> !TokenMask.isMasked(id)).count();
    }

    /** Adds all ids of another file. */
    void add(TokenFile other) throws IOException {
        long bytes = other.tokens * Integer.BYTES;
        for (long done = 0; done < bytes;) {
            done += other.file.transferTo(done, bytes - done, file);
        }
        documents += other.documents;
        characters += other.characters;
        tokens += other.tokens;
        learnt += other.learnt;
    }

    /** Removes all ids. */
    void clear() throws IOException {
        file.truncate(0);
        documents = 0;
        characters = 0;
        tokens = 0;
        learnt = 0;
    }

    long documents() {
        return documents;
    }

    long characters() {
        return characters;
    }

    long tokens() {
        return tokens;
    }

    /** The tokens of a character; conversations that only call tools have tokens and no characters. */
    double tokensPerCharacter() {
        return (double) tokens / Math.max(1, characters);
    }

    /** The number of tokens that are learnt from. */
    long learnt() {
        return learnt;
    }

    /** All ids, which remain after this is closed. */
    MemorySegment map(Arena arena) throws IOException {
        return file.map(FileChannel.MapMode.READ_ONLY, 0, tokens * Integer.BYTES, arena);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}

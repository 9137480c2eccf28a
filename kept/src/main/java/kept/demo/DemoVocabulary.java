package kept.demo;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import kept.tokenizer.Tokenizer;

/**
 * The vocabulary of the demonstration: a SentencePiece BPE model of 2,048 pieces with byte fallback, trained on as much prose as code of a
 * JDK's sources. Text is taken as it is (no normalisation), so that indentation survives.
 */
public final class DemoVocabulary {
    private static final String MODEL = Tokenizer.SENTENCEPIECE_FILE;
    private static final String PROVENANCE = "tokenizer-provenance.json";

    private DemoVocabulary() {
    }

    /**
     * The vocabulary, ready for use.
     *
     * @return a tokenizer, to be closed by the caller
     */
    public static Tokenizer open() {
        return Tokenizer.ofSentencePiece(resource(MODEL), "the demonstration's vocabulary");
    }

    /**
     * Puts the vocabulary where a checkpoint has it.
     *
     * @param directory the checkpoint's directory, which has no tokenizer yet
     * @throws IOException if the file cannot be written
     */
    public static void writeTo(Path directory) throws IOException {
        Files.write(directory.resolve(MODEL), resource(MODEL));
    }

    /**
     * The provenance of the vocabulary.
     *
     * @return a JSON object
     */
    public static String provenance() {
        return new String(resource(PROVENANCE), StandardCharsets.UTF_8);
    }

    private static byte[] resource(String name) {
        try (InputStream resource = Objects.requireNonNull(DemoVocabulary.class.getResourceAsStream(name), name)) {
            return resource.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

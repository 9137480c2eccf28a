package kept.demo;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.corpus.Corpus;
import kept.corpus.Document;
import kept.corpus.DocumentReader;

/**
 * Writes the text that the demonstration's vocabulary was trained on, so that the training can be repeated: {@code prose.txt} and
 * {@code code.txt}, of the JDK that runs this and of the same length. The command that makes the vocabulary from them is in
 * {@code tokenizer-provenance.json} beside the vocabulary.
 */
public final class VocabularyText {
    private static final long CHARACTERS = 8_000_000;

    private VocabularyText() {
    }

    /**
     * Writes the two files.
     *
     * @param arguments the folder to write to, which exists
     * @throws IOException if a file cannot be written
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 1) {
            System.err.println("Usage: java -m kept/kept.demo.VocabularyText FOLDER");
            System.exit(2);
        }
        var folder = Path.of(arguments[0]);
        JdkSources sources = JdkSources.find();
        System.out.println("from " + sources.description());
        write(sources.prose().training(sources.heldOutFraction()), folder.resolve("prose.txt"));
        write(sources.code().training(sources.heldOutFraction()), folder.resolve("code.txt"));
    }

    private static void write(Corpus corpus, Path file) throws IOException {
        long characters = 0;
        try (DocumentReader reader = corpus.open(); BufferedWriter writer = Files.newBufferedWriter(file)) {
            for (Document document = reader.next(); document != null && characters < CHARACTERS; document = reader.next()) {
                List<String> lines = document.text().lines().filter(line -> !line.isBlank()).toList();
                for (String line : lines) {
                    writer.write(line + "\n");
                }
                characters += document.text().length();
            }
        }
    }
}

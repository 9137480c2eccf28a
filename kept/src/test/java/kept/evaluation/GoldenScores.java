package kept.evaluation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.Fixtures;

/** The files that lm-evaluation-harness's golden scores were made with; {@code kept/evaluation/README.md} says how. */
public final class GoldenScores {
    private GoldenScores() { }

    /**
     * The path of a file or folder.
     *
     * @param name its name
     * @return its path
     */
    public static Path path(String name) {
        try {
            return Path.of(GoldenScores.class.getResource("/kept/evaluation/README.md").toURI()).resolveSibling(name);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Puts the model and its tokenizer together.
     *
     * @param directory where to; made
     * @return the directory
     */
    public static Path model(Path directory) {
        try {
            Files.createDirectories(directory);
            for (String file : new String[] {"config.json", "model.safetensors"}) {
                Files.copy(path("model").resolve(file), directory.resolve(file));
            }
            Files.copy(Fixtures.path("tokenizer/tokenizer.model"), directory.resolve("tokenizer.model"));
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

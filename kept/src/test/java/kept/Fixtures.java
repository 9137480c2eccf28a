package kept;

import java.net.URISyntaxException;
import java.nio.file.Path;

/** Finds the golden checkpoints among the test resources; {@code fixtures/README.md} says what each is. */
public final class Fixtures {
    private Fixtures() { }

    /**
     * The path of a fixture.
     *
     * @param name a folder or file, as in {@code llama/config.json}
     * @return its path
     */
    public static Path path(String name) {
        try {
            // A folder is no resource of a module, so the way there is by a file.
            return Path.of(Fixtures.class.getResource("/fixtures/README.md").toURI()).resolveSibling(name);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}

package kept.cli;

import java.nio.file.Path;
import kept.io.FileException;
import kept.io.HubCache;
import picocli.CommandLine.ITypeConverter;

/**
 * Reads where a model is: a directory, a folder of the Hugging Face cache, or a name on the Hub that the cache has. What the cache does not have
 * stays as it was written, and {@link #require} refuses it; that is a failure rather than wrong usage.
 */
public final class ModelDirectory implements ITypeConverter<Path> {
    /** For the command line. */
    public ModelDirectory() {}

    @Override
    public Path convert(String text) {
        Path path = new PathArgument().convert(text);
        try {
            return HubCache.ofEnvironment().find(path);
        } catch (FileException e) {
            return path;
        }
    }

    /**
     * Refuses a model that the cache does not have.
     *
     * @param path what was read
     * @throws FileException with the command that would fetch it
     */
    static void require(Path path) {
        HubCache.ofEnvironment().find(path);
    }
}

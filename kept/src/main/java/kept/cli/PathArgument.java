package kept.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import kept.text.Reasons;
import kept.text.VisibleText;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads paths of the command line. One that the locale's encoding cannot hold, or could not be decoded from it, is wrong usage, and so is none. A
 * {@code ~} at the beginning is the home directory: shells leave it as it is in {@code --output=~/llama}, and there is none in a file of options.
 */
final class PathArgument implements ITypeConverter<Path> {
    private static final char UNDECODED = '\uFFFD';
    private static final int SHOWN = 200;

    @Override
    public Path convert(String text) {
        if (text.isEmpty()) {
            throw new TypeConversionException("it is empty; name a file or a directory");
        }
        try {
            Path path = Path.of(withHome(text));
            if (text.indexOf(UNDECODED) < 0 || Files.exists(path)) {
                return path;
            }
        } catch (InvalidPathException e) {
            throw new TypeConversionException("'%s': %s".formatted(VisibleText.shortened(text, SHOWN), Reasons.of(e)));
        }
        throw new TypeConversionException("'%s': %s".formatted(VisibleText.shortened(text, SHOWN), Reasons.path()));
    }

    /** The text of a path, with the home directory in place of a {@code ~} before the first slash. */
    static String withHome(String text) {
        if (!text.equals("~") && !text.startsWith("~/")) {
            return text;
        }
        String home = System.getenv("HOME");
        return (home == null || home.isEmpty() ? System.getProperty("user.home") : home) + text.substring(1);
    }

    /** Whether a command line holds what the locale's encoding could not decode, where that is not UTF-8. */
    static boolean isUndecoded(String argument) {
        return argument.indexOf(UNDECODED) >= 0 && !"UTF-8".equalsIgnoreCase(System.getProperty("sun.jnu.encoding"));
    }
}

package kept.cli;

import java.util.List;

/** The artifact with the libraries that only the programs need; who embeds the library does not get it. */
final class CommandLineArtifact {
    /** The remedy if it is missing. */
    static final String REMEDY = "[libraries] the programs need the artifact kept:kept-command-line (picocli, progressbar, JLine) on the class "
            + "path or module path; the artifact kept:kept alone is the library without programs";

    private static final List<String> CLASSES =
            List.of("picocli.CommandLine", "me.tongfei.progressbar.ProgressBar", "org.jline.terminal.Terminal");

    private CommandLineArtifact() {}

    static boolean isPresent() {
        return CLASSES.stream().allMatch(CommandLineArtifact::isPresent);
    }

    private static boolean isPresent(String name) {
        try {
            Class.forName(name, false, CommandLineArtifact.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }
}

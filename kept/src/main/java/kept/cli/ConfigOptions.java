package kept.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Options from a file. {@link ConfigFile} reads it before the command line is parsed. */
public final class ConfigOptions {
    static final String CONFIG = "--config";
    static final String PRINT = "--print-config";

    /** Never set: the file's options take its place before the command line is parsed. */
    @Reads
    @Option(names = CONFIG, paramLabel = "FILE", order = 950,
            description = "YAML file of options, each by its long name without dashes; those of the command line win. --print-config writes one.")
    private Path file;

    @Option(names = PRINT, order = 951,
            description = "Only print a file for --config with the options of this command line and the values of all others.")
    private boolean printed;

    /** For the command line. */
    public ConfigOptions() {}

    /** Whether the options are printed and nothing is done. */
    public boolean isPrinted() {
        return printed;
    }
}

package kept.cli;

import picocli.CommandLine.Option;

/** How much a program that may calibrate reports of its work. */
public final class VerboseOptions {
    @Option(names = "--verbose", order = 999, description = "Also show the ridge and the error of each norm that calibrated measures.")
    private boolean verbose;

    /** For the command line. */
    public VerboseOptions() {}

    /** Whether details are shown. */
    public boolean verbose() {
        return verbose;
    }
}

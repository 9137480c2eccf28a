package kept.cli;

import picocli.CommandLine.Option;

/** How several processes of a program find each other. */
public final class RankOptions {
    /** The name of the option, which is read before the command line is: from then on this process may be one of several. */
    static final String RENDEZVOUS = "--rendezvous";

    @Option(names = RENDEZVOUS, paramLabel = "FILE", order = 905,
            description = "Several processes without MPI: a file that all see and that need not exist, through which they find each other. "
                    + "torchrun and srun set the number of each, or you do, by RANK and WORLD_SIZE.")
    private String rendezvous;

    /** The file on a command line; null without the option. */
    static String rendezvous(String... arguments) {
        String file = null;
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].equals(RENDEZVOUS) && i + 1 < arguments.length) {
                file = arguments[i + 1];
            } else if (arguments[i].startsWith(RENDEZVOUS + "=")) {
                file = arguments[i].substring(RENDEZVOUS.length() + 1);
            }
        }
        return file;
    }
}

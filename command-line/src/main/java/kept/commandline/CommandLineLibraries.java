package kept.commandline;

/**
 * Says that the libraries of the programs are there: options, progress bars, terminals. The module {@code kept} requires them only statically, as
 * they are of no use to who embeds it; it looks for this service, so that where its provider is, the libraries are in the module graph.
 */
public final class CommandLineLibraries {
    /** For the service look-up. */
    public CommandLineLibraries() {}
}

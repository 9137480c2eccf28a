import kept.commandline.CommandLineLibraries;

/** Libraries of the programs: resolved with the module {@code kept}, by its service look-up, wherever this module is on the module path. */
module kept.commandline {
    requires info.picocli;
    requires me.tongfei.progressbar;
    requires org.jline.terminal;

    exports kept.commandline;

    provides CommandLineLibraries with
            CommandLineLibraries;
}

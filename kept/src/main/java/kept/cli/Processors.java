package kept.cli;

import kept.backend.HostLimits;

/**
 * The physical cores that ranks on one machine share. A launcher may bind each rank to some of the cores that it may use itself, or leave the choice
 * to the system.
 *
 * @param available those that this process keeps busy
 * @param own those that the system lets this process use
 * @param launchers those that the system lets the launcher use, which all ranks share
 */
record Processors(int available, int own, int launchers) {
    /** Those of this process and of the one that has started it; Linux tells, elsewhere nothing is bound. */
    static Processors ofThisProcess() {
        var host = HostLimits.ofThisProcess();
        int available = host.processors();
        int own = allowed(host, ProcessHandle.current(), available);
        return new Processors(available, own, ProcessHandle.current().parent().map(parent -> allowed(host, parent, own)).orElse(own));
    }

    private static int allowed(HostLimits host, ProcessHandle process, int otherwise) {
        int cores = host.coresOf(process.pid());
        return cores == 0 ? otherwise : cores;
    }

    /**
     * The number of threads for each rank.
     *
     * @param ranks the number of ranks on this machine
     * @return from 1 to what is available
     */
    int share(int ranks) {
        // Only where nothing is bound does a limit of the container, which Java knows, hold for all ranks together.
        int all = own == launchers ? available : launchers;
        return Math.clamp(all / ranks, 1, available);
    }
}

package kept.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The processors that ranks on one machine share. A launcher may bind each rank to some of the processors that it may use itself, or leave the choice
 * to the system.
 *
 * @param available those that Java may use in this process
 * @param own those that the system lets this process use
 * @param launchers those that the system lets the launcher use, which all ranks share
 */
record Processors(int available, int own, int launchers) {
    /** Those of this process and of the one that has started it; Linux tells, elsewhere nothing is bound. */
    static Processors ofThisProcess() {
        int available = Runtime.getRuntime().availableProcessors();
        int own = allowed("self", available);
        long parent = ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(-1L);
        return new Processors(available, own, allowed(Long.toString(parent), own));
    }

    private static int allowed(String process, int otherwise) {
        try {
            return Files.readAllLines(Path.of("/proc", process, "status")).stream().filter(line -> line.startsWith("Cpus_allowed:"))
                    .mapToInt(Processors::count).findFirst().orElse(otherwise);
        } catch (IOException | RuntimeException e) {
            return otherwise;
        }
    }

    /** The bits of a mask of hexadecimal digits with commas between. */
    static int count(String line) {
        return line.substring(line.indexOf(':') + 1).strip().chars().filter(c -> c != ',').map(c -> Integer.bitCount(Character.digit(c, 16))).sum();
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

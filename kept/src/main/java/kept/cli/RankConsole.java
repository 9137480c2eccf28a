package kept.cli;

import java.io.PrintWriter;
import java.io.Writer;
import java.util.Optional;
import kept.distributed.Communicator;
import kept.distributed.RankException;
import kept.distributed.Ranks;
import kept.distributed.TransportProvider.Launch;
import kept.tensor.Device;

/**
 * What a program prints when a launcher has started it several times: results, progress and notes come from rank 0 alone, and each failure carries
 * the rank that it happened in. A failing rank tells the others, which end too.
 */
final class RankConsole {
    private static volatile RankConsole current = new RankConsole(null);

    /** Null in a single process. */
    private final Launch launch;
    private Communicator communicator;
    /** Whether the command line has been understood; what fails before fails in every rank. */
    private boolean begun;

    RankConsole(Launch launch) {
        this(launch, Communicator.single());
    }

    RankConsole(Launch launch, Communicator communicator) {
        this.launch = launch;
        this.communicator = communicator;
    }

    /** That of the program which runs. */
    static RankConsole current() {
        return current;
    }

    /** Finds out how this process was started. If only the engine knows the rank, it is started. */
    static RankConsole begin(String... arguments) {
        String rendezvous = RankOptions.rendezvous(arguments);
        if (rendezvous != null) {
            System.setProperty("kept.rendezvous", rendezvous);
        }
        Optional<Launch> found = Ranks.launch().filter(how -> how.size() != 1);
        if (found.isPresent() && (found.get().rank() < 0 || found.get().size() == 0)) {
            Communicator ranks = Ranks.open();
            found = Optional.of(new Launch(found.get().launcher(), ranks.rank(), ranks.size())).filter(how -> how.size() != 1);
        }
        return begin(new RankConsole(found.orElse(null)));
    }

    static RankConsole begin(RankConsole console) {
        current = console;
        return console;
    }

    /** Whether there are other ranks. */
    boolean isOneOfSeveral() {
        return launch != null;
    }

    /** Whether this rank prints. */
    boolean isFirst() {
        return launch == null || launch.rank() == 0;
    }

    /** The number of processes and what has started them. */
    String origin() {
        return "%s has started %d of it".formatted(launch.launcher(), launch.size());
    }

    /** Where results or notes go: as given in rank 0, nowhere in the others. */
    PrintWriter ofFirst(PrintWriter writer) {
        return isFirst() ? writer : new PrintWriter(Writer.nullWriter());
    }

    /** Prints the line of a failure, with the program's name and the rank, and tells the other ranks. */
    void report(PrintWriter errors, String line) {
        if (launch != null && begun) {
            Terminal.error(new PrintWriter(System.err, true)).println("[rank %d] kept: %s".formatted(launch.rank(), line));
        } else if (isFirst()) {
            errors.println("kept: " + line);
        }
        communicator.fail(line);
    }

    /**
     * The command line is understood, and what fails from now on may fail in one rank alone: starts the engine between the ranks, and gives this one
     * its share of the machine's processors and memory.
     */
    void open() {
        begun = true;
        communicator = Ranks.open();
        if (System.getProperty("kept.threads") == null) {
            System.setProperty("kept.threads", Integer.toString(Processors.ofThisProcess().share(communicator.localSize())));
        }
        if (System.getProperty("kept.cpu.processes") == null) {
            System.setProperty("kept.cpu.processes", Integer.toString(communicator.localSize()));
        }
    }

    /** Lets the tensors of a device go directly to the devices of other ranks where that is possible, and says how they go. */
    Communicator link(Device device, PrintWriter notes) {
        communicator = Ranks.linked(communicator, device);
        if (communicator.size() > 1 && device != Device.cpu()) {
            notes.println("%d ranks exchange tensors of %s by %s".formatted(communicator.size(), device, communicator.carrier(device)));
        }
        return communicator;
    }

    Communicator communicator() {
        return communicator;
    }

    /**
     * Ends the messages after the program.
     *
     * @return its exit code, or failure if the others do not end; what rank 0 alone reports is its alone, since a launcher ends all ranks as soon as
     *     one fails, and rank 0 may not have printed it yet
     */
    int close(int status) {
        if (!begun && !isFirst()) {
            return 0;
        }
        try {
            communicator.close();
            return status;
        } catch (RankException e) {
            report(new PrintWriter(System.err, true), Failures.line(e));
            return status == 0 ? Program.FAILURE : status;
        }
    }
}

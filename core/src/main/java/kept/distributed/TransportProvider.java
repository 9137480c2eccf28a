package kept.distributed;

import java.util.Optional;
import java.util.function.UnaryOperator;

/** Finds out whether this process is one of several, and opens the engine between them; {@link java.util.ServiceLoader} lists the providers. */
public interface TransportProvider {
    /**
     * How this process was started, before any engine is loaded.
     *
     * @param environment the value of an environment variable, or null
     * @return its launcher, rank and size; empty if no launcher that this provider knows has started it
     * @throws RankException if it was started in a way that cannot work
     */
    Optional<Launch> find(UnaryOperator<String> environment);

    /**
     * Loads and starts the engine; called at most once in a process.
     *
     * @param launch what {@link #find} has returned
     * @return the engine, which knows as many ranks as the launcher has started
     * @throws RankException if there is no such engine, or it cannot be used, with the reason and the remedy
     */
    Transport open(Launch launch);

    /**
     * What a launcher says about a process that it has started.
     *
     * @param launcher its name
     * @param rank the process's number; -1 if only the engine knows it
     * @param size the number of processes; 0 if only the engine knows it
     */
    record Launch(String launcher, int rank, int size) {}
}

package kept.run;

/** {@link Progress.Stop} stopped a run. Its state is saved, and the progress received a note about where. */
public final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StoppedException() {
        super("the run was stopped");
    }
}

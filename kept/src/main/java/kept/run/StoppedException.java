package kept.run;

/** A run has stopped because {@link Progress.Stop} wanted it to. What it has done is saved, and the progress was told where. */
public final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StoppedException() {
        super("the run was stopped");
    }
}

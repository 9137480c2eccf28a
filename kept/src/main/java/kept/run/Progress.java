package kept.run;

import kept.training.HeldOutResult;
import kept.training.StepMetrics;

/**
 * Receives the progress of a run, and can stop it. Every method has a default that does nothing. All are called on the thread of the
 * run; an exception that one throws ends the run as a failure would.
 */
public interface Progress {
    /** Shows nothing and never stops a run. */
    Progress NONE = new Progress() { };

    /** The units in which a task counts. */
    enum Unit {
        /** Bytes that are read, written or compared. */
        BYTES,
        /** Tokens that are measured on. */
        TOKENS,
        /** Sequences that are evaluated. */
        SEQUENCES,
        /** Steps of an optimizer. */
        STEPS,
        /** Anything else. */
        ITEMS
    }

    /**
     * A task whose length is known.
     *
     * @param name its name, such as {@code convert} or {@code calibrate}
     * @param unit the unit of its length
     * @param total the amount of work
     * @param before the part that an earlier run has done
     */
    record Task(String name, Unit unit, long total, long before) {}

    /** A request to stop a run and keep its state. */
    @FunctionalInterface
    interface Stop extends AutoCloseable {
        /** Never stops a run. */
        Stop NEVER = () -> false;

        /**
         * Called often; once it returns true, the run saves its state and throws a {@link StoppedException}.
         *
         * @return whether the run is to stop
         */
        boolean isWanted();

        /**
         * Sets what is done if the run still works half a second after a stop was wanted.
         *
         * @param notice tells what is awaited; called once, on any thread
         */
        default void onDelay(Runnable notice) {}

        /** The part of the run that can stop is over, and its state is saved. */
        @Override
        default void close() {}
    }

    /**
     * A note for the user, such as how much of a text was read.
     *
     * @param line one line
     */
    default void note(String line) {}

    /**
     * A detail that only a diagnosis needs, such as the error at each norm of a calibration.
     *
     * @param line one line
     */
    default void detail(String line) {}

    /**
     * A task begins; it is the only one until {@link #end}.
     *
     * @param task the task
     */
    default void begin(Task task) {}

    /**
     * Part of the task is done.
     *
     * @param amount the amount done so far
     */
    default void done(long amount) {}

    /**
     * A training step is done.
     *
     * @param step its metrics
     */
    default void step(StepMetrics step) {}

    /**
     * The student in training was evaluated on held-out text.
     *
     * @param result the result
     */
    default void heldOut(HeldOutResult result) {}

    /** The task is over, or has failed. */
    default void end() {}

    /**
     * A part of the run begins that can be stopped and resumed.
     *
     * @return is called until it is closed at the part's end
     */
    default Stop stop() {
        return Stop.NEVER;
    }
}

package kept.run;

import java.util.Optional;
import kept.training.BestState;
import kept.training.HeldOutCurve;
import kept.training.HeldOutResult;

/** Decides when a student is evaluated on held-out text during training, and when the results say that training no longer helps. */
final class HeldOutEvaluation {
    /** Never evaluates, for training without a teacher. */
    static final HeldOutEvaluation NONE = new HeldOutEvaluation(null, new Schedule(0, 0, 0));

    private static final long EVALUATIONS = 10;
    private static final long MAX_STEPS = 100;

    /** Null if nothing is evaluated. */
    private final BestState best;
    private final Schedule schedule;

    /**
     * Creates the schedule of evaluations.
     *
     * @param every steps from one evaluation to the next; 0 for none between start and end
     * @param patience the number of consecutive evaluations without improvement that ends the training; 0 for no limit
     * @param steps the steps of the run
     */
    record Schedule(long every, int patience, long steps) {
        /** The default interval: a tenth of the steps, at most 100. */
        static long usual(long steps) {
            return Math.clamp(Math.ceilDiv(steps, EVALUATIONS), 1, MAX_STEPS);
        }
    }

    HeldOutEvaluation(BestState best, Schedule schedule) {
        this.best = best;
        this.schedule = schedule;
    }

    /** Restores the results of a resumed run. */
    void restore(HeldOutCurve curve) {
        if (best != null) {
            best.restore(curve);
        }
    }

    /** The results so far. */
    HeldOutCurve curve() {
        return best == null ? HeldOutCurve.EMPTY : best.curve();
    }

    /** Whether anything is ever evaluated. */
    boolean isEnabled() {
        return best != null;
    }

    /** Restores the best state and its step. */
    long goBack() {
        return best.goBack().step();
    }

    /** Evaluates after a step, 0 being the start, if it is time to. */
    Optional<HeldOutResult> after(long step, long tokens) {
        boolean due = step == 0 || step == schedule.steps() || schedule.every() > 0 && step % schedule.every() == 0;
        return best != null && due ? Optional.of(best.evaluate(step, tokens)) : Optional.empty();
    }

    /** Whether the last results show that further steps are of no use. */
    boolean isExhausted() {
        return schedule.patience() > 0 && curve().resultsSinceBest() >= schedule.patience();
    }
}

package kept.run;

import java.util.Optional;
import kept.training.BestState;
import kept.training.HeldOutCurve;
import kept.training.HeldOutResult;

/** When a student is judged on held-out text while it is trained, and when that says that training helps no more. */
final class Judging {
    /** Never judges, as where there is no teacher. */
    static final Judging NONE = new Judging(null, new Schedule(0, 0, 0));

    private static final long JUDGEMENTS = 10;
    private static final long MOST_STEPS = 100;

    /** Null where nothing is judged. */
    private final BestState best;
    private final Schedule schedule;

    /**
     * When to judge and when to stop.
     *
     * @param every steps from one judgement to the next; 0 for none between start and end
     * @param patience how many judgements in a row without improvement end the training; 0 for any number
     * @param steps the run's
     */
    record Schedule(long every, int patience, long steps) {
        /** What is as good a choice as any: a tenth of the steps, but no more than a hundred. */
        static long usual(long steps) {
            return Math.clamp(Math.ceilDiv(steps, JUDGEMENTS), 1, MOST_STEPS);
        }
    }

    Judging(BestState best, Schedule schedule) {
        this.best = best;
        this.schedule = schedule;
    }

    /** Takes up the results of a run that goes on. */
    void restore(HeldOutCurve curve) {
        if (best != null) {
            best.restore(curve);
        }
    }

    /** The results so far. */
    HeldOutCurve curve() {
        return best == null ? HeldOutCurve.EMPTY : best.curve();
    }

    /** Whether anything is ever judged. */
    boolean isJudging() {
        return best != null;
    }

    /** Gives the student its best values so far and goes back to their step. */
    long goBack() {
        return best.goBack().step();
    }

    /** Judges after a step, 0 being the start, if it is time to. */
    Optional<HeldOutResult> after(long step, long tokens) {
        boolean due = step == 0 || step == schedule.steps() || schedule.every() > 0 && step % schedule.every() == 0;
        return best != null && due ? Optional.of(best.judge(step, tokens)) : Optional.empty();
    }

    /** Whether the last results say that going on is of no use. */
    boolean isExhausted() {
        return schedule.patience() > 0 && curve().resultsSinceBest() >= schedule.patience();
    }
}

package kept.training;

import kept.distributed.Communicator;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.TrainingRanks.Kind;

/**
 * How rank 0 leads the steps that all ranks do. Before the passes of a step the others get the whole state, if it is not the result of the steps that
 * all ranks have done, unless each has its part of it anyway. With one rank nothing is sent.
 */
final class SharedTraining {
    private final TrainingRanks ranks;
    private final TrainingStep work;
    /** Whether the other ranks have the state of this one. */
    private boolean isKnown;

    SharedTraining(TrainingRanks ranks, TrainingStep work) {
        this.ranks = ranks;
        this.work = work;
    }

    /** Whether this rank has all parameters and moments. */
    boolean isWhole() {
        return ranks.dividedStudent() == null;
    }

    /** Says that parameters or moments have changed in another way than by a step. */
    void renew() {
        isKnown = false;
    }

    /**
     * Does the passes of a step in all ranks. If they fail here, the others are told why, since they wait for these passes.
     *
     * @param before the number of steps done
     * @param position the number of sequences before those of the step
     * @param sequences token ids of each pass
     */
    TrainingStep.Passes passes(long before, long position, int[]... sequences) {
        if (ranks.communicator().size() == 1) {
            return work.run(position, sequences);
        }
        try {
            if (!isKnown && isWhole()) {
                ranks.order(Kind.STATE, before);
                shareState(ranks, work);
            }
            isKnown = true;
            // What this rank has written alone has to reach the others before they begin.
            ranks.alone();
            ranks.order(Kind.PASSES, position);
            try (var _ = Scope.open(Device.cpu())) {
                for (int[] ids : sequences) {
                    ranks.communicator().broadcast(Tensor.of(ids, ids.length), 0);
                }
            }
            return work.run(position, sequences);
        } catch (RuntimeException | Error e) {
            ranks.fail(e);
            throw e;
        }
    }

    /** Updates the parameters in all ranks, at the learning rate of this one, which alone knows how a resumed run began. */
    StepMetrics update(long step, double rate, TrainingStep.Passes passes) {
        ranks.order(Kind.UPDATE, step, Double.doubleToRawLongBits(rate));
        return work.update(step, rate, passes);
    }

    /** Drops the gradients in the other ranks; this one has looked at its own. */
    void drop() {
        ranks.order(Kind.DROP);
    }

    /** Continues after a number of steps with moments of zero. */
    void clearMoments(long steps) {
        renew();
        ranks.order(Kind.CLEAR, steps);
        work.clearMoments(steps);
    }

    /** Parameters, trained or not, but for the teacher's, and moments: sent by rank 0, received by the others. */
    static void shareState(TrainingRanks ranks, TrainingStep work) {
        Communicator others = ranks.communicator();
        work.model().parameters().forEach((name, parameter) -> {
            if (!ranks.isShared(name)) {
                others.broadcast(parameter.value().detach(), 0);
            }
        });
        work.optimizer().moments().values().forEach(moments -> {
            others.broadcast(moments.first(), 0);
            others.broadcast(moments.second(), 0);
        });
    }
}

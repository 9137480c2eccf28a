package kept.training;

import java.util.Arrays;
import kept.distributed.Communicator;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * How rank 0 leads the training and the other ranks follow. Before each step rank 0 sends an order: the step with its token ids, or before it the
 * whole state, if the state is not the result of the steps that all ranks have done. So rank 0 alone reads text, evaluates, saves, and decides when
 * the run ends. With one rank nothing is sent.
 */
final class SharedTraining {
    private static final long END = 0;
    private static final long STEP = 1;
    private static final long STATE = 2;

    private final Communicator ranks;
    private final TrainingStep work;
    /** Whether the other ranks have the state of this one. */
    private boolean isKnown;
    /** Whether this rank, the first, has failed in calls that all ranks make, and has told the others. */
    private boolean hasFailed;

    SharedTraining(Communicator ranks, TrainingStep work) {
        this.ranks = ranks;
        this.work = work;
    }

    /** Says that parameters or moments have changed in another way than by a step. */
    void renew() {
        isKnown = false;
    }

    /**
     * Does the passes of a step in all ranks; called in rank 0. If they fail here, the others are told why, since they wait for these passes.
     *
     * @param before the number of steps done
     * @param sequences token ids of each pass
     */
    TrainingStep.Passes lead(long before, int[]... sequences) {
        if (ranks.size() == 1) {
            return work.run(sequences);
        }
        try {
            if (!isKnown) {
                order(STATE, before);
                shareState();
                isKnown = true;
            }
            order(STEP, before);
            try (var _ = Scope.open(Device.cpu())) {
                for (int[] ids : sequences) {
                    ranks.broadcast(Tensor.of(ids, ids.length), 0);
                }
            }
            return work.run(sequences);
        } catch (RuntimeException | Error e) {
            hasFailed = true;
            ranks.fail(String.valueOf(e.getMessage()));
            throw e;
        }
    }

    /** Ends the other ranks' training, unless a failure has; called in rank 0. */
    void end() {
        if (ranks.size() > 1 && !hasFailed) {
            order(END, 0);
        }
    }

    /**
     * Does the steps that rank 0 orders, until it ends the training; called in the other ranks.
     *
     * @param passes the number of passes of a step
     * @param ids the number of token ids of a pass
     */
    void follow(int passes, int ids) {
        while (true) {
            long[] order = receiveOrder();
            if (order[0] == END) {
                return;
            }
            if (order[0] == STATE) {
                // For the number of steps, on which the correction of the moments depends; the moments follow.
                work.optimizer().clearMoments(order[1]);
                shareState();
            } else {
                step(order[1] + 1, receive(passes, ids));
            }
        }
    }

    private void step(long number, int[]... sequences) {
        TrainingStep.Passes passes = work.run(sequences);
        if (passes.areFinite()) {
            work.update(number, passes);
        } else {
            // Rank 0 finds the reason, and decides what to do.
            work.optimizer().clearGradients();
        }
    }

    private int[][] receive(int passes, int ids) {
        int[][] sequences = new int[passes][];
        try (var _ = Scope.open(Device.cpu())) {
            Tensor received = Tensor.empty(DType.I32, Shape.of(ids));
            for (int pass = 0; pass < passes; pass++) {
                ranks.broadcast(received, 0);
                sequences[pass] = Arrays.stream(received.toLongArray()).mapToInt(Math::toIntExact).toArray();
            }
        }
        return sequences;
    }

    private void order(long kind, long step) {
        try (var _ = Scope.open(Device.cpu())) {
            ranks.broadcast(Tensor.of(new long[] {kind, step}), 0);
        }
    }

    private long[] receiveOrder() {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor order = Tensor.empty(DType.I64, Shape.of(2));
            ranks.broadcast(order, 0);
            return order.toLongArray();
        }
    }

    /** Parameters, trained or not, and moments: sent by rank 0, received by the others. */
    private void shareState() {
        work.model().parameters().values().forEach(parameter -> ranks.broadcast(parameter.value().detach(), 0));
        work.optimizer().moments().values().forEach(moments -> {
            ranks.broadcast(moments.first(), 0);
            ranks.broadcast(moments.second(), 0);
        });
    }
}

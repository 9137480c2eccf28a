package kept.run;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** How rank 0 hands out the files of a recording: in rounds, in which each rank gets at most one. */
final class RecordingRounds {
    private final Communicator ranks;
    private boolean stopWanted;

    RecordingRounds(Communicator ranks) {
        this.ranks = ranks;
    }

    /** Writes a file of a recording. */
    @FunctionalInterface
    interface Writing {
        void write(int file, int... ids);
    }

    /** Whether another rank was asked to stop. */
    boolean isStopWanted() {
        return stopWanted;
    }

    /**
     * Lets each rank write a file; in rank 0.
     *
     * @param files as many files as there are ranks, or fewer
     * @param ids the token ids of a file
     * @param writing writes this rank's file, the first one
     */
    void next(List<Integer> files, IntFunction<int[]> ids, Writing writing) {
        SharedItems.fromFirst(ranks, () -> new int[] {files.size()});
        int[] own = null;
        for (int file : files) {
            int[] all = SharedItems.fromFirst(ranks, () -> {
                int[] tokens = ids.apply(file);
                int[] message = new int[tokens.length + 1];
                message[0] = file;
                System.arraycopy(tokens, 0, message, 1, tokens.length);
                return message;
            });
            own = own == null ? all : own;
        }
        write(own, writing);
        finish(false);
    }

    /** Ends the work of the other ranks; in rank 0. */
    void end() {
        SharedItems.fromFirst(ranks, () -> new int[] {0});
    }

    /**
     * Writes what rank 0 hands out, until it ends this; in the other ranks.
     *
     * @param writing writes a file
     * @param stop says whether this rank was asked to stop
     */
    void follow(Writing writing, Progress.Stop stop) {
        int count = received()[0];
        while (count > 0) {
            int[] own = null;
            for (int i = 0; i < count; i++) {
                int[] message = received();
                own = i == ranks.rank() ? message : own;
            }
            if (own != null) {
                write(own, writing);
            }
            finish(stop.isWanted());
            count = received()[0];
        }
    }

    private int[] received() {
        return SharedItems.fromFirst(ranks, () -> new int[0]);
    }

    private static void write(int[] message, Writing writing) {
        writing.write(message[0], Arrays.copyOfRange(message, 1, message.length));
    }

    /** All ranks have written their files of a round. */
    private void finish(boolean stop) {
        if (ranks.size() > 1) {
            try (var _ = Scope.open(Device.cpu())) {
                Tensor wishes = Tensor.of(new double[] {stop ? 1 : 0});
                ranks.allReduce(wishes);
                stopWanted |= wishes.toDoubleArray()[0] > 0;
            }
        }
    }
}

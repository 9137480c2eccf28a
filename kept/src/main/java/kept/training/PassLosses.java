package kept.training;

import kept.distributed.Communicator;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** The losses of a step's passes, and how many ranks are asked to stop. */
final class PassLosses {
    /** The losses of all passes, then the divergences, then the number of ranks that are asked to stop. */
    private final double[] values;
    private final int passes;

    PassLosses(int passes) {
        this.passes = passes;
        values = new double[2 * passes + 1];
    }

    void put(int pass, double loss, double divergence) {
        values[pass] = loss;
        values[passes + pass] = divergence;
    }

    /** This rank is asked to stop. */
    void putStop() {
        values[2 * passes] = 1;
    }

    /**
     * Takes the losses of other ranks' passes, which are zero here. Nothing but zeros is added, so each has the same bits in all ranks.
     */
    void join(Communicator ranks) {
        if (ranks.size() > 1) {
            try (var _ = Scope.open(Device.cpu())) {
                Tensor all = Tensor.of(values);
                ranks.allReduce(all);
                System.arraycopy(all.toDoubleArray(), 0, values, 0, values.length);
            }
        }
    }

    /** Whether a rank is asked to stop. */
    boolean isStopWanted() {
        return values[2 * passes] > 0;
    }

    double loss() {
        return mean(0);
    }

    double divergence() {
        return mean(passes);
    }

    private double mean(int first) {
        double mean = 0;
        for (int i = first; i < first + passes; i++) {
            mean += values[i] / passes;
        }
        return mean;
    }

    /** The first pass after which the mean of the losses is not finite; the number of passes if there is none. */
    int firstNonFinite() {
        double mean = 0;
        for (int pass = 0; pass < passes; pass++) {
            mean += values[pass] / passes;
            if (!Double.isFinite(mean)) {
                return pass;
            }
        }
        return passes;
    }
}

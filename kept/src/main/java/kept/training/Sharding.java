package kept.training;

import java.util.Locale;

/** What lies divided over the ranks in training. The result has the same bits with each; every rank gathers what it uses. */
public enum Sharding {
    /** Each rank has everything: plain data parallelism. */
    NONE,
    /** Gradients and moments are divided; each rank has all parameters (ZeRO-2, Rajbhandari et al. 2020, arXiv 1910.02054). */
    OPTIMIZER,
    /**
     * The parameters of teacher and student are divided too (ZeRO-3, or fully sharded data parallelism). A layer is gathered before it is used,
     * forward and backward, and let go afterwards.
     */
    ALL;

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

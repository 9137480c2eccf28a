package kept.training;

import java.util.Locale;

/** The order in which the gradients of a step's passes are added. With one pass a step there is nothing to add. */
public enum GradientReduction {
    /**
     * The {@linkplain kept.distributed binary tree} over the passes, {@code ((0+1)+(2+3))+...}: the same bits however many ranks share the passes.
     * {@code n} passes of one rank need memory for {@code log2(n)} more gradients, rounded down.
     */
    TREE,
    /**
     * One rank's passes are added in the tree, and the sums of the ranks by the engine between them, such as MPI or NCCL, which may be faster. The
     * bits then depend on the number of ranks and on the engine. On one rank, and where nothing between the ranks adds gradients of all their types,
     * all are added in the tree.
     */
    ENGINE,
    /** One after another, each backward pass adding to the gradients there are: no more memory, on one rank only. */
    SERIAL;

    /** The name of this setting in a saved state; without it, gradients were added one after another. */
    public static final String SETTING = "reduction";

    /** The name on the command line and in a saved state. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

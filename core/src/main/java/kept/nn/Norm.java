package kept.nn;

import kept.autograd.NormalizedSum;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/** A normalisation of the innermost axis. Parameter: {@code weight}, {@code [width]}, unless the norm has none. */
public abstract sealed class Norm extends Layer permits LayerNorm, RmsNorm {
    private final Parameter weight;
    private final double epsilon;

    Norm(Tensor weight, double epsilon) {
        this.weight = register("weight", weight);
        if (weight.rank() != 1) {
            throw new ShapeException("[norm] the weight must be [width], not " + weight.shape());
        }
        this.epsilon = Arguments.positive("norm", "epsilon", epsilon);
    }

    /** A norm without parameters. */
    Norm(double epsilon) {
        weight = null;
        this.epsilon = Arguments.positive("norm", "epsilon", epsilon);
    }

    /**
     * Normalises each row.
     *
     * @param x {@code [..., width]}
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if the innermost extent of x is not {@code width}
     */
    public final Tensor forward(Tensor x) {
        return forward(x, Arguments.present("norm", "x", x).dtype());
    }

    /**
     * Normalises each row and rounds the result once to a given dtype, so that a BF16 branch of an F32 residual stream needs no cast.
     *
     * @param x {@code [..., width]}
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws ShapeException if the innermost extent of x is not {@code width}
     * @throws kept.tensor.DTypeException if x cannot be rounded to that dtype
     */
    public abstract Tensor forward(Tensor x, DType out);

    /**
     * Adds a branch to a residual stream and normalises the sum. The result is bit-identical to the two operations; some devices read less memory.
     *
     * @param x the residual stream, {@code [..., width]}
     * @param branch the branch's output, with x's shape
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum, and the normalised sum rounded once to the dtype
     * @throws ShapeException if the branch does not have x's shape, or the innermost extent is not {@code width}
     * @throws kept.tensor.DTypeException if the sum cannot be rounded to that dtype
     */
    public abstract NormalizedSum addAndForward(Tensor x, Tensor branch, DType out);

    /**
     * The parameter of the gain.
     *
     * @return {@code [width]}
     * @throws TensorException if the norm has no parameters
     */
    public final Parameter weight() {
        if (weight == null) {
            throw new TensorException("[norm] there is no weight: the norm has no parameters");
        }
        return weight;
    }

    /** Whether the norm has a weight. */
    final boolean hasWeight() {
        return weight != null;
    }

    /**
     * The constant added to the mean square or the variance before the square root.
     *
     * @return epsilon, above 0
     */
    public final double epsilon() {
        return epsilon;
    }
}

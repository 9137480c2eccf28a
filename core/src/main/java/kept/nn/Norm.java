package kept.nn;

import kept.autograd.NormalizedSum;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** A normalisation of the innermost axis. Parameter: {@code weight}, {@code [width]}. */
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

    /**
     * Normalises each row.
     *
     * @param x {@code [..., width]}
     * @return a tensor of x's shape and dtype
     * @throws ShapeException if x does not end in the weight's width
     */
    public final Tensor forward(Tensor x) {
        return forward(x, Arguments.present("norm", "x", x).dtype());
    }

    /**
     * Normalises each row, and rounds the result once to the type wanted: a branch that computes in BF16 over a stream of F32 needs no cast.
     *
     * @param x {@code [..., width]}
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws ShapeException if x does not end in the weight's width
     * @throws kept.tensor.DTypeException if x is not rounded to that type
     */
    public abstract Tensor forward(Tensor x, DType out);

    /**
     * Adds a branch to a residual stream and normalises the sum: the bits of the two operations, with less of memory read on some devices.
     *
     * @param x the stream, {@code [..., width]}
     * @param branch what is added to it, of x's shape
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum, and its norm rounded once to the type wanted
     * @throws ShapeException if the branch does not fit x, or the sum does not end in the weight's width
     * @throws kept.tensor.DTypeException if the sum is not rounded to that type
     */
    public abstract NormalizedSum addAndForward(Tensor x, Tensor branch, DType out);

    /**
     * The gain.
     *
     * @return g, {@code [width]}
     */
    public final Parameter weight() {
        return weight;
    }

    /**
     * What is added to the mean square or the variance under the root.
     *
     * @return epsilon, above 0
     */
    public final double epsilon() {
        return epsilon;
    }
}

package kept.nn;

import java.util.List;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/** A feed-forward layer (MLP) of a transformer: projections of the input, an activation, and a projection to the output. */
public abstract sealed class FeedForward extends Layer permits SwiGlu, GatedFeedForward, PlainFeedForward {
    FeedForward() {}

    /**
     * The projections of the layer's input.
     *
     * @return gate and up, or the only one
     */
    public abstract List<Linear> inputProjections();

    /**
     * The projection to the layer's output.
     *
     * @return down
     */
    public abstract Linear writer();

    /**
     * Applies the {@link #inputProjections}, the first part of {@link #forward}.
     *
     * @param x {@code [..., hidden]}
     * @return what each of them gives, {@code [..., intermediate]}
     */
    public final List<Tensor> projectInput(Tensor x) {
        return Linear.forwardEach(x, inputProjections());
    }

    /**
     * Applies the activation and the output projection to what {@link #projectInput} gives, the last part of {@link #forward}.
     *
     * @param projected for each input projection {@code [..., intermediate]}
     * @return {@code [..., hidden]}
     * @throws TensorException if there is another number of them
     */
    public final Tensor project(List<Tensor> projected) {
        if (Arguments.present("feed-forward", "the list of projections", projected).size() != inputProjections().size()) {
            throw new TensorException("[feed-forward] %d projections of the input are needed, not %d"
                    .formatted(inputProjections().size(), projected.size()));
        }
        return finish(projected);
    }

    /** {@link #project} without checks. */
    abstract Tensor finish(List<Tensor> projected);

    /**
     * The input of the output projection.
     *
     * @param x {@code [..., hidden]}
     * @return {@code [..., intermediate]}
     */
    public final Tensor activations(Tensor x) {
        return activate(projectInput(x));
    }

    /** The input of the output projection, made of what {@link #projectInput} gives. */
    abstract Tensor activate(List<Tensor> projected);

    /**
     * Applies the layer to each row.
     *
     * @param x {@code [..., hidden]}
     * @return {@code [..., hidden]}
     */
    public final Tensor forward(Tensor x) {
        return finish(projectInput(x));
    }
}

package kept.nn;

import java.util.List;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** The feed-forward layer without a gate, {@code down(f(up(x)))}. Submodules: the two projections, by names that the model chooses. */
public final class PlainFeedForward extends FeedForward {
    private final Activation activation;
    private final Linear up;
    private final Linear down;

    /**
     * Creates the layer from its two projections.
     *
     * @param activation f
     * @param upName the name of the first projection in the model's checkpoints, such as {@code up_proj} or {@code c_fc}
     * @param up hidden to intermediate
     * @param downName the name of the second one, such as {@code down_proj} or {@code c_proj}
     * @param down intermediate to hidden
     * @throws ShapeException if their shapes do not match
     */
    public PlainFeedForward(Activation activation, String upName, Linear up, String downName, Linear down) {
        this.activation = Arguments.present("feed-forward", "the activation", activation);
        this.up = register(Arguments.present("feed-forward", "the first projection's name", upName), up);
        this.down = register(Arguments.present("feed-forward", "the second projection's name", downName), down);
        if (down.shape().size(1) != up.shape().size(0)) {
            throw new ShapeException("[feed-forward] shapes of the projections do not match: weights %s, %s".formatted(up.shape(), down.shape()));
        }
    }

    @Override
    public List<Linear> inputProjections() {
        return List.of(up);
    }

    @Override
    public Linear writer() {
        return down;
    }

    @Override
    Tensor finish(List<Tensor> projected) {
        return down.forward(activate(projected));
    }

    @Override
    Tensor activate(List<Tensor> projected) {
        return activation.apply(projected.getFirst());
    }
}

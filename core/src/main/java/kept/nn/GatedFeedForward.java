package kept.nn;

import java.util.List;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The gated feed-forward layer {@code down(f(gate(x)) * up(x))} with any activation f (Shazeer 2020, arXiv 2002.05202), as a composition; for SiLU
 * {@link SwiGlu} is faster. Submodules: {@code gate_proj}, {@code up_proj}, {@code down_proj}.
 */
public final class GatedFeedForward extends FeedForward {
    private final Activation activation;
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    /**
     * Creates the layer from its three projections.
     *
     * @param activation f
     * @param gate hidden to intermediate
     * @param up hidden to intermediate
     * @param down intermediate to hidden
     * @throws ShapeException if their shapes do not match
     */
    public GatedFeedForward(Activation activation, Linear gate, Linear up, Linear down) {
        this.activation = Arguments.present("feed-forward", "the activation", activation);
        this.gate = register("gate_proj", gate);
        this.up = register("up_proj", up);
        this.down = register("down_proj", down);
        if (!gate.shape().equals(up.shape()) || down.shape().size(1) != gate.shape().size(0)) {
            throw new ShapeException("[feed-forward] shapes of gate, up and down do not match: weights %s, %s, %s"
                    .formatted(gate.shape(), up.shape(), down.shape()));
        }
    }

    @Override
    public List<Linear> inputProjections() {
        return List.of(gate, up);
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
        return activation.apply(projected.getFirst()).mul(projected.getLast());
    }
}

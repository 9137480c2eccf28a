package kept.nn;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The gated feed-forward layer {@code down(silu(gate(x)) * up(x))} (Shazeer 2020, arXiv 2002.05202). Submodules: {@code gate_proj}, {@code up_proj},
 * {@code down_proj}.
 */
public final class SwiGlu extends FeedForward {
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    /**
     * Creates the layer from its three projections.
     *
     * @param gate hidden to intermediate
     * @param up hidden to intermediate
     * @param down intermediate to hidden
     * @throws ShapeException if their shapes do not match
     */
    public SwiGlu(Linear gate, Linear up, Linear down) {
        this.gate = register("gate_proj", gate);
        this.up = register("up_proj", up);
        this.down = register("down_proj", down);
        Shape ofGate = gate.shape();
        Shape ofUp = up.shape();
        Shape ofDown = down.shape();
        if (!ofGate.equals(ofUp) || ofDown.size(1) != ofGate.size(0)) {
            throw new ShapeException("[swiglu] shapes of gate, up and down do not match: weights %s, %s, %s".formatted(ofGate, ofUp, ofDown));
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
    Tensor activate(List<Tensor> projected) {
        return Functional.swiGlu(projected.getFirst(), projected.getLast());
    }

    @Override
    Tensor finish(List<Tensor> projected) {
        return project(projected.getFirst(), projected.getLast());
    }

    /**
     * Applies the gated unit and {@code down_proj} to what {@code gate_proj} and {@code up_proj} give, the last part of {@link #forward}.
     *
     * @param gateOutput {@code [..., intermediate]}
     * @param upOutput {@code [..., intermediate]}
     * @return {@code [..., hidden]}
     */
    public Tensor project(Tensor gateOutput, Tensor upOutput) {
        return down.forwardGated(gateOutput, upOutput);
    }
}

package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The gate or up projection of an MLP one of whose neurons was given up to renew the anchor: {@link Corrected}, but for that neuron's row, which is
 * measured. Sources: the projection {@code [intermediate, hidden]}, its norm's correction {@code [hidden, hidden]}, the measured rows
 * {@code [2, hidden]}, and the neuron's number {@code [1]}, negative for none.
 *
 * @param row which of the measured rows: 0 for the gate's, 1 for up's
 */
public record AnchoringReader(int row) implements Transform {
    @Override
    public String method() {
        return "calibrated";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor corrected = new Corrected().apply(sources.subList(0, 2), shape);
        int neuron = (int) sources.get(3).item();
        if (neuron >= 0) {
            corrected.slice(0, neuron, neuron + 1).assign(sources.get(2).slice(0, row, row + 1));
        }
        return corrected;
    }
}

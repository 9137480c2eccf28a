package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The gate or up projection of an MLP that uses one neuron to renew the anchor: as {@link Corrected}, except for that neuron's row, which is
 * measured. Sources: the projection {@code [intermediate, hidden]}, its norm's correction {@code [hidden, hidden]}, the measured rows {@code [2,
 * hidden]}, and the neuron's index {@code [1]}, negative for none.
 *
 * @param row the index of the measured row: 0 for gate, 1 for up
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

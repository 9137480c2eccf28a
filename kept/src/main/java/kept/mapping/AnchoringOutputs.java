package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The down projection of an MLP that uses one neuron to renew the anchor: as {@link CentredOutputs}, except that this neuron adds its activation to
 * every channel of the stream. Sources: the projection {@code [hidden, intermediate]}, and the neuron's index {@code [1]}, negative for none.
 */
public record AnchoringOutputs() implements Transform {
    @Override
    public String method() {
        return "calibrated";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor centred = new CentredOutputs(1).apply(sources.subList(0, 1), shape);
        int neuron = (int) sources.get(1).item();
        return neuron < 0 ? centred : MatrixRows.map(centred, (_, values, start, _) -> values[start + neuron] = 1);
    }
}

package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The down projection of an MLP one of whose neurons was given up to renew the anchor: {@link CentredOutputs}, but that neuron adds its activation to
 * every channel of the stream. Sources: the projection {@code [hidden, intermediate]}, and the neuron's number {@code [1]}, negative for none.
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

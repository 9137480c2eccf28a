package kept.training;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.distributed.DividedTensor;
import kept.distributed.DividedTensors;
import kept.model.AdapterName;
import kept.model.Weights;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The parameters of a model that lie divided over the ranks. What is used together is gathered together: the embedding, each layer, and the final
 * norm with the head.
 */
final class DividedWeights implements Weights, AutoCloseable {
    private final DividedTensors tensors;
    private final Weights source;
    private final boolean isSent;
    private final SequencedMap<String, DividedTensor> parameters = new LinkedHashMap<>();
    private final Map<String, Integer> groups = new HashMap<>();
    private int lastGroup = -1;
    private int lastLayer;

    /**
     * Parameters that a model asks for, one after another.
     *
     * @param tensors divides them; none have been added
     * @param source their values
     * @param isSent whether this rank works alone and sends them to the others; if not, each rank has them
     */
    DividedWeights(DividedTensors tensors, Weights source, boolean isSent) {
        this.tensors = tensors;
        this.source = source;
        this.isSent = isSent;
    }

    @Override
    public Tensor get(String name, Shape shape) {
        try (var _ = Scope.open(Scope.current().device())) {
            Tensor value = source.get(name, shape);
            groups.put(name, nextGroup(name));
            DividedTensor parameter = tensors.add(groups.get(name), value.dtype(), shape);
            if (isSent) {
                tensors.send(parameter, value);
            } else {
                tensors.set(parameter, value);
            }
            parameters.put(name, parameter);
            return parameter.whole();
        }
    }

    /** Each layer is a group, and what comes before or after all layers. */
    private int nextGroup(String name) {
        int layer = AdapterName.layerOf(name);
        if (lastGroup < 0 || layer != lastLayer) {
            lastGroup++;
        }
        lastLayer = layer;
        return lastGroup;
    }

    /** The group of a parameter, in the order of the forward pass. */
    int group(String name) {
        return groups.get(name);
    }

    DividedTensors tensors() {
        return tensors;
    }

    /** The parameters so far, by name. */
    SequencedMap<String, DividedTensor> parameters() {
        return Collections.unmodifiableSequencedMap(parameters);
    }

    @Override
    public void close() {
        tensors.close();
    }
}

package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.tensor.Tensor;

/**
 * The tensors that a training changes, whole, in this rank.
 *
 * @param values the trained parameters by name
 * @param moments those of each parameter
 */
record TrainedTensors(SequencedMap<String, Tensor> values, SequencedMap<String, AdamW.Moments> moments) {
    /** Those of an optimizer of whole parameters. */
    static TrainedTensors of(AdamW optimizer) {
        SequencedMap<String, Tensor> values = new LinkedHashMap<>();
        for (Map.Entry<String, Parameter> entry : optimizer.parameters().entrySet()) {
            values.put(entry.getKey(), entry.getValue().value().detach());
        }
        return new TrainedTensors(values, optimizer.moments());
    }
}

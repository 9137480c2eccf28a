package kept.optim;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.nn.Parameter;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/** Selects the parameters that an optimizer trains. */
final class Trainable {
    private Trainable() {}

    /** Returns the trainable parameters; throws if there is none, or two share elements. */
    static SequencedMap<String, Parameter> of(String optimizer, SequencedMap<String, Parameter> parameters) {
        SequencedMap<String, Parameter> trainable = new LinkedHashMap<>(parameters);
        trainable.values().removeIf(parameter -> !parameter.isTrainable());
        if (trainable.isEmpty()) {
            throw new TensorException("[%s] none of %d parameters is trainable".formatted(optimizer, parameters.size()));
        }
        trainable.forEach((name, parameter) -> checkDistinct(optimizer, name, parameter, trainable));
        return trainable;
    }

    private static void checkDistinct(String optimizer, String name, Parameter parameter, Map<String, Parameter> all) {
        Tensor value = parameter.value();
        all.forEach((otherName, other) -> {
            if (!otherName.equals(name) && other.value().overlaps(value)) {
                throw new TensorException("[%s] '%s' and '%s' are one tensor, or share elements; name it once".formatted(optimizer, name, otherName));
            }
        });
    }

    /** Checks the arguments of a step. */
    static void checkStep(String optimizer, double learningRate, double gradientScale) {
        if (!Double.isFinite(gradientScale)) {
            throw new TensorException("[%s] gradients scaled by %s; check GradientClipping.isFinite first".formatted(optimizer, gradientScale));
        }
        if (!(learningRate >= 0) || Double.isInfinite(learningRate)) {
            throw new TensorException("[%s] the learning rate must be a finite number of at least 0, not %s".formatted(optimizer, learningRate));
        }
    }
}

package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import kept.model.Decoder;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Gives a model the values that its checkpoint will have, so that the written values are evaluated. Where the checkpoint's type is another than the
 * parameters', it holds the trained ones a second time while it evaluates; between two steps there is room for that, for there are no gradients then.
 */
public final class StoredRounding {
    private final Decoder model;
    private final DType stored;

    /**
     * A rounding to a type.
     *
     * @param model the model
     * @param stored what its checkpoint holds
     */
    public StoredRounding(Decoder model, DType stored) {
        this.model = model;
        this.stored = stored;
    }

    /** Rounds the parameters that are not trained, for good: they have no use for more digits. */
    public void roundFrozen() {
        model.parameters().values().stream().filter(parameter -> !parameter.isTrainable()).forEach(this::round);
    }

    /** Rounds all parameters for good. */
    public void roundAll() {
        model.parameters().values().forEach(this::round);
    }

    /**
     * Rounds the trained parameters for as long as something looks at the model.
     *
     * @param look what to do meanwhile; it must not train
     * @param <T> the type of the result
     * @return its result; the parameters have their bits again
     */
    public <T> T during(Supplier<T> look) {
        try (var _ = Scope.open(model.device())) {
            Map<Parameter, Tensor> exact = new LinkedHashMap<>();
            model.parameters().values().stream().filter(parameter -> parameter.isTrainable() && isRounded(parameter)).forEach(parameter ->
                    exact.put(parameter, Tensor.empty(parameter.value().dtype(), parameter.value().shape()).assign(parameter.value())));
            try {
                exact.keySet().forEach(this::round);
                return look.get();
            } finally {
                exact.forEach((parameter, value) -> parameter.value().assign(value));
            }
        }
    }

    /** Whether the checkpoint's type cannot hold all that the parameter's can. */
    private boolean isRounded(Parameter parameter) {
        return stored != DType.F32 && stored != parameter.value().dtype();
    }

    private void round(Parameter parameter) {
        if (!isRounded(parameter)) {
            return;
        }
        try (var _ = Scope.open(model.device())) {
            parameter.value().assign(Tensor.empty(stored, parameter.value().shape()).assign(parameter.value()));
        }
    }
}

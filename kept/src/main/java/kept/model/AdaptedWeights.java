package kept.model;

import kept.autograd.Autograd;
import kept.nn.Init;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The parameters of a model with new adapters, initialised as PEFT does: A uniform between {@code -1 / sqrt(in)} and {@code 1 / sqrt(in)} (Kaiming's
 * initialisation with slope sqrt(5)), B zero, so that the model computes what it does without them. The values of A depend only on the seed and the
 * name.
 */
public final class AdaptedWeights implements Weights {
    private final Weights model;
    private final long seed;
    private final DType dtype;

    /**
     * Weights of a model and its adapters.
     *
     * @param model the parameters of the model
     * @param seed the random seed of the adapters
     * @param dtype the dtype of the adapters
     */
    public AdaptedWeights(Weights model, long seed, DType dtype) {
        this.model = model;
        this.seed = seed;
        this.dtype = dtype;
    }

    @Override
    public Tensor get(String name, Shape shape) {
        AdapterName adapter = AdapterName.parse(name).orElse(null);
        if (adapter == null) {
            return model.get(name, shape);
        }
        if (adapter.factor() == AdapterName.Factor.B) {
            return Tensor.full(0, dtype, shape);
        }
        try (var scope = Scope.open()) {
            return scope.keep(Autograd.withoutRecording(() ->
                    Init.kaimingUniform(Tensor.empty(DType.F32, shape), Math.sqrt(5), seed, RandomWeights.stream(name)).cast(dtype)));
        }
    }
}

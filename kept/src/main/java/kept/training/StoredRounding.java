package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.model.AdapterName;
import kept.model.Decoder;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Rounds a model's parameters to the values of its checkpoint, so that an evaluation uses the values that are written. If the types differ, the
 * trained parameters are kept a second time during the evaluation, in the memory that gradients have during a step. Adapters are never rounded: they
 * are written as they are, or merged into weights that are rounded. A weight that is not trained itself keeps its digits for that sum.
 */
public final class StoredRounding {
    private final Decoder model;
    private final DType stored;
    /** Null where this rank has the parameters. */
    private final TrainingRanks ranks;
    private final boolean isMerging;

    /**
     * Creates a rounding to a type.
     *
     * @param model the model
     * @param stored the type of its checkpoint
     */
    public StoredRounding(Decoder model, DType stored) {
        this(model, stored, null);
    }

    /**
     * Creates a rounding to a type, in rank 0.
     *
     * @param model the model, whose parameters may be divided over the ranks
     * @param stored the type of its checkpoint
     * @param ranks the ranks of the run; null if nothing is divided
     */
    public StoredRounding(Decoder model, DType stored, TrainingRanks ranks) {
        this(model, stored, ranks, false);
    }

    /**
     * Creates a rounding to a type, in rank 0.
     *
     * @param model the model, whose parameters may be divided over the ranks
     * @param stored the type of its checkpoint
     * @param ranks the ranks of the run; null if nothing is divided
     * @param isMerging whether the checkpoint has adapters merged into its weights
     */
    public StoredRounding(Decoder model, DType stored, TrainingRanks ranks, boolean isMerging) {
        this.model = model;
        this.stored = stored;
        this.isMerging = isMerging;
        this.ranks = ranks != null && ranks.dividedStudent() != null ? ranks : null;
    }

    /** The type in which a parameter is stored: the checkpoint's, or an adapter's own. */
    DType stored(String name, Parameter parameter) {
        return AdapterName.isOne(name) ? parameter.value().dtype() : stored;
    }

    /** Rounds the parameters that are not trained permanently, because they need no more digits unless adapters are added to them. */
    public void roundFrozen() {
        rounded().filter(parameter -> !parameter.isTrainable()).forEach(this::round);
    }

    /** Rounds all parameters permanently, but for weights that are rounded when adapters have been added to them. */
    public void roundAll() {
        rounded().forEach(this::round);
    }

    /** The parameters of which storing may change values. */
    private Stream<Parameter> rounded() {
        SequencedMap<String, Parameter> all = model.parameters();
        Set<String> summed = !isMerging ? Set.of() : all.keySet().stream().flatMap(name -> AdapterName.parse(name).stream())
                .map(factor -> factor.weight().toString()).collect(Collectors.toSet());
        return all.entrySet().stream()
                .filter(entry -> isRounded(entry.getValue().value().dtype(), stored(entry.getKey(), entry.getValue())))
                .filter(entry -> entry.getValue().isTrainable() || !summed.contains(entry.getKey())).map(Map.Entry::getValue);
    }

    /**
     * Rounds the trained parameters, and merges adapters where the checkpoint has them merged, during an evaluation of the model.
     *
     * @param look the evaluation; it must not train
     * @param <T> the type of the result
     * @return its result; the parameters have their bits again
     */
    public <T> T during(Supplier<T> look) {
        model.setAdapterMerging(isMerging ? stored : null);
        try {
            return roundedDuring(look);
        } finally {
            model.setAdapterMerging(null);
        }
    }

    private <T> T roundedDuring(Supplier<T> look) {
        if (ranks != null) {
            return ranks.roundedDuring(model, stored, look);
        }
        try (var _ = Scope.open(model.device())) {
            Map<Parameter, Tensor> exact = new LinkedHashMap<>();
            rounded().filter(Parameter::isTrainable).forEach(parameter ->
                    exact.put(parameter, Tensor.empty(parameter.value().dtype(), parameter.value().shape()).assign(parameter.value())));
            try {
                exact.keySet().forEach(this::round);
                return look.get();
            } finally {
                exact.forEach((parameter, value) -> parameter.value().assign(value));
            }
        }
    }

    /**
     * Whether a checkpoint's type has other values than a parameter's.
     *
     * @param dtype the parameter's
     * @param stored the checkpoint's
     * @return true if storing may change values
     */
    public static boolean isRounded(DType dtype, DType stored) {
        return stored != DType.F32 && stored != dtype;
    }

    private void round(Parameter parameter) {
        round(parameter.value().detach(), stored);
    }

    /** Rounds a tensor's elements in place. */
    static void round(Tensor tensor, DType stored) {
        try (var _ = Scope.open(tensor.device())) {
            tensor.assign(Tensor.empty(stored, tensor.shape()).assign(tensor));
        }
    }
}

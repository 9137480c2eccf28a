package kept.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.autograd.Autograd;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Looks for the first tensor of a model that is NaN or infinite somewhere: for those who have met a result that is. */
public final class NonFinite {
    private static final long AT_ONCE = 1 << 20;

    private NonFinite() {}

    /**
     * The first tensor with numbers that are not finite.
     *
     * @param kind what the tensors are called
     * @param tensors in order, by name; a null is passed over
     * @return as in {@code parameter 'model.norm.weight' holds 1 NaN and 0 infinite of 16 numbers}; nothing if all are finite
     */
    public static Optional<String> first(String kind, Map<String, Tensor> tensors) {
        return tensors.entrySet().stream().filter(entry -> entry.getValue() != null)
                .flatMap(entry -> in(entry.getValue()).map(count -> "%s '%s' %s".formatted(kind, entry.getKey(), count)).stream()).findFirst();
    }

    /**
     * The first tensor of a model that is not finite: of its parameters, or else of what it makes of some input.
     *
     * @param model the model
     * @param ids the input, {@code [batch, sequence]}
     * @return in words; nothing if all are finite
     */
    public static Optional<String> in(Decoder model, Tensor ids) {
        return parameters(model).or(() -> Autograd.withoutRecording(() -> activations(model, ids)));
    }

    /**
     * The first parameter of a model that is not finite.
     *
     * @param model the model
     * @return in words; nothing if all are finite
     */
    public static Optional<String> parameters(Decoder model) {
        Map<String, Tensor> values = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> values.put(name, parameter.value()));
        return first("parameter", values);
    }

    private static Optional<String> activations(Decoder model, Tensor ids) {
        var first = new String[1];
        try (var _ = Scope.open(model.device())) {
            Tensor hidden = model.hidden(ids, null, (norm, stream) -> note(first, "the stream that enters '%s'".formatted(norm), stream));
            note(first, "what 'model.norm' gives", hidden);
            long rows = hidden.elementCount() / hidden.size(-1);
            for (long row = 0; row < rows && first[0] == null; row++) {
                try (var _ = Scope.open(model.device())) {
                    note(first, "the logits", hidden.reshape(rows, hidden.size(-1)).slice(0, row, row + 1).linear(model.headWeight()));
                }
            }
        }
        return Optional.ofNullable(first[0]).map(where -> "its parameters are finite, but " + where);
    }

    private static void note(String[] first, String where, Tensor tensor) {
        if (first[0] == null) {
            in(tensor).ifPresent(count -> first[0] = where + " " + count);
        }
    }

    private static Optional<String> in(Tensor tensor) {
        if (tensor.dtype() == DType.F32 && Double.isFinite(tensor.backend().sumOfSquares(List.of(tensor)))) {
            return Optional.empty();
        }
        long nan = 0;
        long infinite = 0;
        long count = tensor.elementCount();
        for (long from = 0; from < count; from += AT_ONCE) {
            try (var _ = Scope.open(tensor.device())) {
                Tensor flat = tensor.detach().contiguous().reshape(count);
                for (float value : flat.slice(0, from, Math.min(count, from + AT_ONCE)).cast(DType.F32).toFloatArray()) {
                    nan += Float.isNaN(value) ? 1 : 0;
                    infinite += Float.isInfinite(value) ? 1 : 0;
                }
            }
        }
        return nan + infinite == 0 ? Optional.empty()
                : Optional.of("holds %,d NaN and %,d infinite of %,d numbers".formatted(nan, infinite, count));
    }
}

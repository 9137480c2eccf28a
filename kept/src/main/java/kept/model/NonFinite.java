package kept.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.autograd.Autograd;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Finds the first tensor of a model that contains a NaN or infinity, to diagnose a result that does. */
public final class NonFinite {
    private static final long AT_ONCE = 1 << 20;

    private NonFinite() {}

    /**
     * Finds the first tensor with non-finite elements.
     *
     * @param kind what the tensors are, for the message
     * @param tensors the tensors by name, in order; nulls are skipped
     * @return for example {@code parameter 'model.norm.weight' holds 1 NaN and 0 infinite of 16 numbers}; empty if all are finite
     */
    public static Optional<String> first(String kind, Map<String, Tensor> tensors) {
        return tensors.entrySet().stream().filter(entry -> entry.getValue() != null)
                .flatMap(entry -> in(entry.getValue()).map(count -> "%s '%s' %s".formatted(kind, entry.getKey(), count)).stream()).findFirst();
    }

    /**
     * Finds the first non-finite tensor of a model: among its parameters, or else among its activations for an input.
     *
     * @param model the model
     * @param ids the input, {@code [batch, sequence]}
     * @return its description; empty if all are finite
     */
    public static Optional<String> in(Decoder model, Tensor ids) {
        return parameters(model).or(() -> Autograd.withoutRecording(() -> activations(model, ids)));
    }

    /**
     * Finds the first non-finite parameter of a model.
     *
     * @param model the model
     * @return its description; empty if all are finite
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

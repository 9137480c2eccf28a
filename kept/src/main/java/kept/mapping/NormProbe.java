package kept.mapping;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.autograd.Autograd;
import kept.model.OrionModel;
import kept.model.StreamObserver;
import kept.nn.LayerNorm;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Measures on text how much each LayerNorm of an Orion differs from the RMSNorm that replaces it. */
public final class NormProbe {
    private final OrionModel model;
    private final Map<String, Sum> sums = new LinkedHashMap<>();

    /**
     * Creates a probe without observations.
     *
     * @param model the model to observe
     */
    public NormProbe(OrionModel model) {
        this.model = model;
    }

    /**
     * Runs the model on some text.
     *
     * @param ids {@code [batch, sequence]}, I64
     */
    public void observe(Tensor ids) {
        StreamObserver observer = (norm, stream) -> sums.computeIfAbsent(norm, name -> new Sum()).add(stream);
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                model.hidden(ids, null, observer);
            }
            return null;
        });
    }

    /**
     * Returns the statistics so far.
     *
     * @return one entry for each norm, in the order of the graph
     */
    public List<NormStatistics> statistics() {
        Map<String, LayerNorm> norms = model.layerNorms();
        List<NormStatistics> statistics = new ArrayList<>();
        try (var _ = Scope.open(model.device())) {
            sums.forEach((norm, sum) -> statistics.add(new NormStatistics(
                    norm,
                    sum.ratios / sum.tokens,
                    length(norms.get(norm).bias().value()) / length(norms.get(norm).weight().value()))));
        }
        return statistics;
    }

    private static double length(Tensor vector) {
        return Math.sqrt(Autograd.withoutRecording(() -> vector.cast(DType.F32).square().sum()).item());
    }

    /** The sum of |mean| / rms over tokens. */
    private static final class Sum {
        private double ratios;
        private long tokens;

        void add(Tensor stream) {
            try (var _ = Scope.open(stream.device())) {
                float[] means = stream.mean(-1).toFloatArray();
                float[] squares = stream.mul(stream).mean(-1).toFloatArray();
                for (int i = 0; i < means.length; i++) {
                    ratios += Math.abs(means[i]) / Math.sqrt(squares[i]);
                }
                tokens += means.length;
            }
        }
    }
}

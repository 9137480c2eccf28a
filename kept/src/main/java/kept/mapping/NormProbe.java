package kept.mapping;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.autograd.Autograd;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.model.Decoder;
import kept.model.NormSite;
import kept.model.StreamObserver;
import kept.nn.LayerNorm;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Measures on text how much each LayerNorm of a source differs from the RMSNorm that replaces it. */
public final class NormProbe {
    private final Decoder model;
    private final List<String> norms;
    /** For each observed text and each norm the sum of |mean| / rms over tokens, and the number of tokens. */
    private final List<double[]> sums = new ArrayList<>();

    /**
     * Creates a probe without observations.
     *
     * @param model the model to observe
     */
    public NormProbe(Decoder model) {
        this.model = model;
        norms = model.norms().stream().map(NormSite::name).toList();
    }

    /**
     * Runs the model on some text.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return the final norm's output {@code [batch, sequence, hidden]}, in the current scope
     */
    public Tensor observe(Tensor ids) {
        var sum = new double[2 * norms.size()];
        sums.add(sum);
        StreamObserver observer = (norm, stream) -> add(stream, sum, 2 * norms.indexOf(norm));
        return Autograd.withoutRecording(() -> {
            try (var scope = Scope.open(model.device())) {
                return scope.keep(model.hidden(ids, null, observer));
            }
        });
    }

    private static void add(Tensor stream, double[] sum, int at) {
        try (var _ = Scope.open(stream.device())) {
            float[] means = stream.mean(-1).toFloatArray();
            float[] squares = stream.mul(stream).mean(-1).toFloatArray();
            for (int i = 0; i < means.length; i++) {
                sum[at] += Math.abs(means[i]) / Math.sqrt(squares[i]);
            }
            sum[at + 1] += means.length;
        }
    }

    /**
     * Returns the statistics so far.
     *
     * @return one entry for each norm, in the order of the graph
     */
    public List<NormStatistics> statistics() {
        return statistics(SharedItems.of(sums.size(), Communicator.single()));
    }

    /**
     * Returns the statistics of the observations of several ranks.
     *
     * @param observed the observations, of which each rank has made its own in their order
     * @return one entry for each norm, in the order of the graph; the same in every rank and on any number of them
     */
    public List<NormStatistics> statistics(SharedItems observed) {
        int width = 2 * norms.size();
        var all = new double[observed.items() * width];
        for (int i = 0; i < sums.size(); i++) {
            System.arraycopy(sums.get(i), 0, all, (observed.first() + i) * width, width);
        }
        observed.gather(all);
        List<double[]> observations = new ArrayList<>();
        for (int at = 0; at < all.length; at += width) {
            observations.add(Arrays.copyOfRange(all, at, at + width));
        }
        return statistics(biasOverWeight(), observations);
    }

    /**
     * Returns the observations so far.
     *
     * @return for each observed text and, in the order of the graph, each norm the sum of {@code |mean| / rms} over tokens, and their number
     */
    public List<double[]> observed() {
        return List.copyOf(sums);
    }

    /**
     * Compares the norms' biases with their weights.
     *
     * @return for each norm, in the order of the graph, the Euclidean norm of the bias over that of the weight
     */
    public SequencedMap<String, Double> biasOverWeight() {
        Map<String, LayerNorm> parameters = SourceNorms.of(model);
        var ratios = new LinkedHashMap<String, Double>();
        try (var _ = Scope.open(model.device())) {
            for (String norm : norms) {
                LayerNorm own = parameters.get(norm);
                ratios.put(norm, length(own.shift()) / length(own.gain()));
            }
        }
        return ratios;
    }

    /**
     * Returns the statistics of observations.
     *
     * @param biasOverWeight as of {@link #biasOverWeight()}
     * @param observed as of {@link #observed()}
     * @return one entry for each norm, in the order of the graph; none without observations
     */
    public static List<NormStatistics> statistics(SequencedMap<String, Double> biasOverWeight, List<double[]> observed) {
        List<NormStatistics> statistics = new ArrayList<>();
        int at = 0;
        for (Map.Entry<String, Double> norm : biasOverWeight.entrySet()) {
            double ratios = 0;
            double tokens = 0;
            for (double[] sum : observed) {
                ratios += sum[at];
                tokens += sum[at + 1];
            }
            if (!observed.isEmpty()) {
                statistics.add(new NormStatistics(norm.getKey(), ratios / tokens, norm.getValue()));
            }
            at += 2;
        }
        return statistics;
    }

    private static double length(Tensor vector) {
        return Math.sqrt(Autograd.withoutRecording(() -> vector.cast(DType.F32).square().sum()).item());
    }
}

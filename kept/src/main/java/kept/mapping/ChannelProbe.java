package kept.mapping;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import kept.autograd.Autograd;
import kept.distributed.Communicator;
import kept.distributed.Leaves;
import kept.distributed.TreeSum;
import kept.model.Decoder;
import kept.model.StreamObserver;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Measures on text, for each LayerNorm of a source and each channel, the RMSNorm weight with the least squared error: {@code g'_i = E[z_i r_i] /
 * E[r_i^2]}, where z is the LayerNorm's output and r the RMS-normalised input ((1) in docs/kept.md). The streams are the teacher's own; errors of
 * earlier norms are not corrected.
 */
public final class ChannelProbe {
    private final Decoder model;
    private final Map<String, Sums> sums = new LinkedHashMap<>();

    /**
     * Creates a probe without observations.
     *
     * @param model the model to observe
     */
    public ChannelProbe(Decoder model) {
        this.model = model;
        try (var _ = Scope.open(model.device())) {
            SourceNorms.of(model).forEach((name, norm) ->
                    sums.put(name, new Sums(norm.gain().toFloatArray(), norm.shift().toFloatArray(), norm.epsilon())));
        }
    }

    /**
     * Runs the model on some text.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     */
    public void observe(Tensor ids) {
        StreamObserver observer = (norm, stream) -> sums.get(norm).add(stream.toFloatArray());
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                model.hidden(ids, null, observer);
            }
            return null;
        });
    }

    /**
     * Runs the model on the sequences of a text, which ranks divide. The sums of sequences are added in a tree, so that they have the same bits on
     * any number of ranks.
     *
     * @param sequences their ids
     * @param ranks those that call this with the same sequences
     */
    public void observe(List<int[]> sequences, Communicator ranks) {
        Leaves leaves = Leaves.of(sequences.size(), ranks.size());
        int first = Math.toIntExact(leaves.first(ranks.rank()));
        int count = Math.toIntExact(leaves.size(ranks.rank()));
        try (var _ = Scope.open(Device.cpu());
                var tree = new TreeSum(Math.max(1, count))) {
            Tensor own = Tensor.empty(DType.F64, Shape.of(numbers().length));
            for (int[] sequence : sequences.subList(first, first + count)) {
                sums.values().forEach(Sums::clear);
                try (var _ = Scope.open(model.device())) {
                    observe(Tensor.of(sequence, 1, sequence.length));
                }
                try (var _ = Scope.open(Device.cpu())) {
                    double[] numbers = numbers();
                    own.assign(Tensor.of(numbers, numbers.length));
                }
                tree.add(own);
            }
            ranks.allReduce(own, leaves);
            takeNumbers(own.toDoubleArray());
        }
    }

    private double[] numbers() {
        return sums.values().stream().flatMapToDouble(sum -> DoubleStream.concat(DoubleStream.of(sum.products), DoubleStream.of(sum.squares)))
                .toArray();
    }

    private void takeNumbers(double... numbers) {
        int from = 0;
        for (Sums sum : sums.values()) {
            System.arraycopy(numbers, from, sum.products, 0, sum.products.length);
            System.arraycopy(numbers, from + sum.products.length, sum.squares, 0, sum.squares.length);
            from += 2 * sum.products.length;
        }
    }

    /**
     * Returns the measured tensors, under the names that the mapping {@code channel} uses.
     *
     * @return weights of the RMSNorms, F32
     */
    public Weights weights() {
        Map<String, float[]> measured = new LinkedHashMap<>();
        sums.forEach((norm, sum) -> measured.put(Baselines.channelWeight(norm), sum.weights()));
        return (name, shape) -> Tensor.of(measured.get(name), shape.toArray());
    }

    /** The sums of one norm over tokens, in double precision. */
    private static final class Sums {
        private final float[] weight;
        private final float[] bias;
        private final double eps;
        private final double[] products;
        private final double[] squares;

        Sums(float[] weight, float[] bias, double eps) {
            this.weight = weight;
            this.bias = bias;
            this.eps = eps;
            products = new double[weight.length];
            squares = new double[weight.length];
        }

        void clear() {
            Arrays.fill(products, 0);
            Arrays.fill(squares, 0);
        }

        /** Adds tokens, {@code [tokens, hidden]}. */
        void add(float[] stream) {
            for (int start = 0; start < stream.length; start += weight.length) {
                add(stream, start);
            }
        }

        private void add(float[] stream, int start) {
            double sum = 0;
            double square = 0;
            for (int i = start; i < start + weight.length; i++) {
                sum += stream[i];
                square += (double) stream[i] * stream[i];
            }
            double mean = sum / weight.length;
            double deviation = Math.sqrt(Math.max(0, square / weight.length - mean * mean) + eps);
            double rms = Math.sqrt(square / weight.length + eps);
            for (int i = 0; i < weight.length; i++) {
                double z = weight[i] * (stream[start + i] - mean) / deviation + bias[i];
                double r = stream[start + i] / rms;
                products[i] += z * r;
                squares[i] += r * r;
            }
        }

        /** A channel that is always zero keeps the LayerNorm's weight. */
        float[] weights() {
            float[] weights = weight.clone();
            for (int i = 0; i < weights.length; i++) {
                if (squares[i] > 0) {
                    weights[i] = (float) (products[i] / squares[i]);
                }
            }
            return weights;
        }
    }
}

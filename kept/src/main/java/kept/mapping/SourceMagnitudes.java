package kept.mapping;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorName;
import kept.model.TensorRole;
import kept.model.Weights;
import kept.nn.Activation;
import kept.tensor.Scope;

/** How large a source's weights are: mean squares of a sample of rows of the embedding and of some layers' matrices and biases. */
final class SourceMagnitudes {
    /** The layers that are looked at, spread over the model; all of them if there are no more. */
    private static final int LAYERS = 8;
    /** The rows of a matrix that are looked at, spread over it. */
    private static final long ROWS = 256;

    private final DecoderConfig source;
    private final int[] layers;
    private final Map<TensorName, Double> squares = new HashMap<>();

    /**
     * Looks at the weights.
     *
     * @param source the source's configuration
     * @param weights the source's
     */
    SourceMagnitudes(DecoderConfig source, Weights weights) {
        this.source = source;
        int count = Math.min(source.layers(), LAYERS);
        layers = IntStream.range(0, count).map(i -> count == 1 ? 0 : i * (source.layers() - 1) / (count - 1)).toArray();
        var sampled = IntStream.of(layers).boxed().collect(Collectors.toSet());
        for (ModelTensor tensor : ModelTensor.of(source)) {
            if (tensor.role() == TensorRole.EMBEDDING || isSampled(tensor.role()) && sampled.contains(tensor.layer())) {
                squares.put(tensor.id(), meanSquare(tensor, weights));
            }
        }
    }

    /** What writes to the stream, and what the sizes of its inputs follow from. */
    private static boolean isSampled(TensorRole role) {
        return switch (role) {
            case VALUE, VALUE_BIAS, ATTENTION_OUTPUT, ATTENTION_OUTPUT_BIAS, GATE, GATE_BIAS, UP, UP_BIAS, DOWN, DOWN_BIAS -> true;
            default -> false;
        };
    }

    /**
     * The smallest of what writes to the stream: the embedding, and the output projections of all layers together.
     *
     * @return its root mean square; empty if all are 0
     */
    OptionalDouble smallestWriter() {
        return DoubleStream.of(embedding(), average(TensorRole.ATTENTION_OUTPUT), average(TensorRole.DOWN)).filter(value -> value > 0)
                .map(Math::sqrt).min();
    }

    /**
     * An estimate of the last stream, as if all weights were random and independent and the norms' gains 1: the mean square of the embedding, and
     * for each layer those of the outputs of attention, which averages half of the values away, and of the MLP. In trained models the outputs add up
     * more.
     *
     * @return a root mean square
     */
    double stream() {
        return Math.sqrt(embedding() + source.layers() * IntStream.of(layers).mapToDouble(this::output).average().orElseThrow());
    }

    private double output(int layer) {
        double width = source.hiddenSize();
        double features = (double) source.heads() * source.headDimension();
        double values = width * square(TensorRole.VALUE, layer) + square(TensorRole.VALUE_BIAS, layer);
        double attention = features * square(TensorRole.ATTENTION_OUTPUT, layer) * values / 4 + square(TensorRole.ATTENTION_OUTPUT_BIAS, layer);
        double up = width * square(TensorRole.UP, layer) + square(TensorRole.UP_BIAS, layer);
        double gate = width * square(TensorRole.GATE, layer) + square(TensorRole.GATE_BIAS, layer);
        double inner = source.architecture().isGated() ? up * activated(gate) : activated(up);
        return attention + source.intermediateSize() * square(TensorRole.DOWN, layer) * inner + square(TensorRole.DOWN_BIAS, layer);
    }

    /** The mean square of normally distributed values after the activation, about: SiLU, GELU and ReLU halve them, or let half of them pass. */
    private double activated(double square) {
        return source.activation() == Activation.RELU_SQUARED ? square * square : square / 4;
    }

    private double embedding() {
        return squares.get(TensorName.of(TensorRole.EMBEDDING));
    }

    private double average(TensorRole role) {
        return IntStream.of(layers).mapToDouble(layer -> square(role, layer)).average().orElseThrow();
    }

    /** The mean square of an element of a layer's tensor; 0 if the architecture has none. */
    private double square(TensorRole role, int layer) {
        return squares.getOrDefault(new TensorName(role, layer), 0.0);
    }

    private static double meanSquare(ModelTensor tensor, Weights weights) {
        try (var _ = Scope.open()) {
            long rows = tensor.shape().size(0);
            double[] values = weights.get(tensor.name(), tensor.shape()).slice(0, 0, rows, Math.ceilDiv(rows, ROWS)).toDoubleArray();
            return DoubleStream.of(values).map(value -> value * value).sum() / values.length;
        }
    }
}

package kept.mapping;

import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.DoubleStream;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorRole;
import kept.model.Weights;
import kept.nn.Activation;
import kept.tensor.Scope;

/** How large a source's weights are: root mean squares of a sample of rows of the matrices and biases of the first and the last layer. */
final class SourceMagnitudes {
    /** The rows of a matrix that are looked at, spread over it. */
    private static final long ROWS = 256;

    /** What the estimate of the stream takes from a layer. */
    private static final Set<TensorRole> LAYERS = Set.of(TensorRole.VALUE, TensorRole.VALUE_BIAS, TensorRole.ATTENTION_OUTPUT,
            TensorRole.ATTENTION_OUTPUT_BIAS, TensorRole.GATE, TensorRole.GATE_BIAS, TensorRole.UP, TensorRole.UP_BIAS, TensorRole.DOWN,
            TensorRole.DOWN_BIAS);

    private final DecoderConfig source;
    /** The mean square of an element, of the first and the last layer together. */
    private final Map<TensorRole, Double> squares = new EnumMap<>(TensorRole.class);

    /**
     * Looks at the weights.
     *
     * @param source the source's configuration
     * @param weights the source's
     */
    SourceMagnitudes(DecoderConfig source, Weights weights) {
        this.source = source;
        int last = source.layers() - 1;
        for (ModelTensor tensor : ModelTensor.of(source)) {
            boolean isSampled = tensor.layer() == 0 || tensor.layer() == last;
            if (tensor.role() == TensorRole.EMBEDDING || LAYERS.contains(tensor.role()) && isSampled) {
                double share = tensor.role() == TensorRole.EMBEDDING || last == 0 ? 1 : 0.5;
                squares.merge(tensor.role(), share * meanSquare(tensor, weights), Double::sum);
            }
        }
    }

    /**
     * The smallest of what writes to the stream: the embedding and the output projections.
     *
     * @return its root mean square; empty if all are 0
     */
    OptionalDouble smallestWriter() {
        return DoubleStream.of(square(TensorRole.EMBEDDING), square(TensorRole.ATTENTION_OUTPUT), square(TensorRole.DOWN)).filter(value -> value > 0)
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
        double width = source.hiddenSize();
        double values = width * square(TensorRole.VALUE) + square(TensorRole.VALUE_BIAS);
        double features = (double) source.heads() * source.headDimension();
        double attention = features * square(TensorRole.ATTENTION_OUTPUT) * values / 4 + square(TensorRole.ATTENTION_OUTPUT_BIAS);
        double up = width * square(TensorRole.UP) + square(TensorRole.UP_BIAS);
        double gate = width * square(TensorRole.GATE) + square(TensorRole.GATE_BIAS);
        double inner = source.architecture().isGated() ? up * activated(gate) : activated(up);
        double mlp = source.intermediateSize() * square(TensorRole.DOWN) * inner + square(TensorRole.DOWN_BIAS);
        return Math.sqrt(square(TensorRole.EMBEDDING) + source.layers() * (attention + mlp));
    }

    /** The mean square of normally distributed values after the activation, about: SiLU, GELU and ReLU halve them, or let half of them pass. */
    private double activated(double square) {
        return source.activation() == Activation.RELU_SQUARED ? square * square : square / 4;
    }

    private double square(TensorRole role) {
        return squares.getOrDefault(role, 0.0);
    }

    private static double meanSquare(ModelTensor tensor, Weights weights) {
        try (var _ = Scope.open()) {
            long rows = tensor.shape().size(0);
            double[] values = weights.get(tensor.name(), tensor.shape()).slice(0, 0, rows, Math.ceilDiv(rows, ROWS)).toDoubleArray();
            return DoubleStream.of(values).map(value -> value * value).sum() / values.length;
        }
    }
}

package kept.mapping;

import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorName;
import kept.model.Weights;
import kept.tensor.Scope;

/**
 * The factor by which {@code exact} scales a source's stream. The smaller it is, the less of the stream is left beside the additional layer's constants;
 * but f16 must hold the scaled weights. Weights of the usual size therefore have a usual factor, and larger ones, whose stream is larger too, a smaller.
 */
final class StreamScale {
    /** The root mean square from which on weights count as larger than usual. */
    private static final double USUAL = 0x1p-6;
    /** The power of two by which the factor is at most divided: eps times its square is still a normal number in f32. */
    private static final int MAX_EXPONENT = 24;
    /** The rows of a matrix that are looked at, spread over it. */
    private static final long ROWS = 256;

    private StreamScale() {}

    /**
     * The factor for a source's weights: that of usual weights, divided by the power of two by which the smallest of the scaled matrices is larger than
     * usual. Looks at the embedding and at the output projections of the first and the last layer.
     *
     * @param usual the factor for weights of the usual size, a power of two
     * @param source the source's configuration
     * @param weights the source's
     * @return a power of two, at most {@code usual}
     */
    static double of(double usual, DecoderConfig source, Weights weights) {
        double smallest = ModelTensor.of(source).stream().filter(tensor -> isSample(tensor.id(), source.layers()))
                .mapToDouble(tensor -> rootMeanSquare(tensor, weights)).filter(value -> value > 0).min().orElse(USUAL);
        return Math.scalb(usual, -Math.clamp(Math.getExponent(smallest / USUAL), 0, MAX_EXPONENT));
    }

    private static boolean isSample(TensorName tensor, int layers) {
        return switch (tensor.role()) {
            case EMBEDDING -> true;
            case ATTENTION_OUTPUT, DOWN -> tensor.layer() == 0 || tensor.layer() == layers - 1;
            default -> false;
        };
    }

    private static double rootMeanSquare(ModelTensor tensor, Weights weights) {
        try (var _ = Scope.open()) {
            long rows = tensor.shape().size(0);
            double[] values = weights.get(tensor.name(), tensor.shape()).slice(0, 0, rows, Math.ceilDiv(rows, ROWS)).toDoubleArray();
            double sum = 0;
            for (double value : values) {
                sum += value * value;
            }
            return Math.sqrt(sum / values.length);
        }
    }
}

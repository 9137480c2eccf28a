package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import kept.backend.LayerNormParameters;
import kept.tensor.Tensor;

/**
 * Layer norm, RMSNorm and their gradients. The norms are {@link RowPipeline}s. In the gradients the pass that reads a row from memory also writes a
 * part of the result, and the last pass works in place, in the cache. So memory is read and written at the same time, instead of in turn.
 */
final class NormKernel {
    private static final RowPipeline LAYER_NORM = new RowPassLoop.Arithmetic(true,
            (sum, x) -> sum.add(x), (sum, x) -> sum + x,
            (x, weight, bias, mean, rstd) -> x.sub(mean).mul(rstd).fma(weight, bias)).pipeline();
    private static final RowPipeline RMS_NORM = new RowPassLoop.Arithmetic(false,
            (sum, x) -> x.fma(x, sum), (sum, x) -> Math.fma(x, x, sum),
            (x, weight, _, rstd, _) -> x.mul(rstd).mul(weight)).pipeline();

    private NormKernel() {}

    /**
     * {@link kept.backend.Backend#layerNorm}.
     *
     * @param x rows
     * @param parameters weight and bias, rows, and epsilon
     * @param out rows
     * @param mean one element for each row
     * @param rstd one element for each row
     */
    static void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        double epsilon = parameters.epsilon();
        int width = RowWindow.width(x);
        MemorySegment means = Elements.segment(mean);
        MemorySegment rstds = Elements.segment(rstd);
        var operands = new RowPipeline.Operands(x, parameters.weight(), parameters.bias(), out);
        WorkerPool.shared().forRanges(mean.elementCount(), RowWindow.rowsPerTask(width), (first, end) ->
                LAYER_NORM.run(first, end, operands, (row, reduced) -> {
                    float average = reduced.numbers()[0] / width;
                    double variance = reduced.x().reduce(ContiguousReduction.DEVIATIONS_OF_ROW, width, average) / width;
                    float r = (float) (1 / Math.sqrt(variance + epsilon));
                    reduced.numbers()[0] = average;
                    reduced.numbers()[1] = r;
                    means.setAtIndex(JAVA_FLOAT, mean.offset() + row, average);
                    rstds.setAtIndex(JAVA_FLOAT, rstd.offset() + row, r);
                }));
    }

    /**
     * {@link kept.backend.Backend#rmsNorm}.
     *
     * @param x rows
     * @param weight rows
     * @param epsilon added to the mean square
     * @param out rows
     * @param rstd one element for each row
     */
    static void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        int width = RowWindow.width(x);
        MemorySegment rstds = Elements.segment(rstd);
        var operands = new RowPipeline.Operands(x, weight, null, out);
        WorkerPool.shared().forRanges(rstd.elementCount(), RowWindow.rowsPerTask(width), (first, end) ->
                RMS_NORM.run(first, end, operands, (row, reduced) -> {
                    double square = reduced.numbers()[0];
                    float r = (float) (1 / Math.sqrt(square / width + epsilon));
                    reduced.numbers()[0] = r;
                    rstds.setAtIndex(JAVA_FLOAT, rstd.offset() + row, r);
                }));
    }

    /**
     * {@link kept.backend.Backend#layerNormGradient} and, without means, {@link kept.backend.Backend#rmsNormGradient}.
     *
     * @param gradient rows
     * @param x rows
     * @param weight rows
     * @param mean one element for each row; null for RMSNorm
     * @param rstd one element for each row
     * @param dx rows, or null
     * @param dWeight rows, or null
     * @param dBias rows, or null
     */
    static void gradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        NormRows rows = mean == null ? NormRows.PLAIN : NormRows.CENTRED;
        int width = RowWindow.width(x);
        MemorySegment means = mean == null ? null : Elements.segment(mean);
        MemorySegment rstds = Elements.segment(rstd);
        PartialSums partial = new PartialSums(rstd.elementCount(), mean == null ? width : 2 * width);
        partial.forEach((sums, first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow gradients = new RowWindow(gradient, width, arena);
                RowWindow weights = new RowWindow(weight, width, arena).read(0, width);
                RowWindow to = dx == null ? null : new RowWindow(dx, width, arena);
                for (long row = first; row < end; row++) {
                    from.read(row * width, width);
                    gradients.read(row * width, width);
                    float average = means == null ? 0f : means.getAtIndex(JAVA_FLOAT, mean.offset() + row);
                    float r = rstds.getAtIndex(JAVA_FLOAT, rstd.offset() + row);
                    if (to == null) {
                        rows.addWeights(gradients, from, width, average, r, sums);
                    } else {
                        rows.differentiate(gradients, from, width, average, r, weights, to.place(row * width, width), sums);
                    }
                }
            }
        });
        partial.addTo(0, dWeight);
        if (mean != null) {
            partial.addTo(width, dBias);
        }
    }
}

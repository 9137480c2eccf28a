package kept.calibration;

import kept.autograd.Autograd;
import kept.backend.LeastSquares;
import kept.mapping.CalibratedMapping;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The resources a calibration needs, computed from sizes.
 *
 * @param streamBytes the residual streams of all tokens of teacher and student, in memory or on disk
 * @param weightBytes the weights between two norms of both models, and the largest matrix while it is mapped
 * @param outputBytes the largest output tensor while it is converted: in f32, mapped, rounded, and copied for the file
 * @param activationBytes the activations of one part of the tokens
 * @param equationBytes the normal equations and factors of a norm in double precision and its held-out tokens: on the device if it has f64
 *     arithmetic, else mostly on the Java heap
 * @param heapBytes in the host's memory for any device: a norm's solution in f32 while it is stored, four numbers per token, and the sums of the tree
 * @param resultBytes the measured tensors, on disk until the output is written
 * @param singleOperations multiplications and additions of matrix products in f32 or shorter types, by kernels
 * @param teacherOperations those of the teacher's forward pass, whose weights have the checkpoint's type
 * @param doubleOperations multiplications and additions in double precision
 */
public record CalibrationCost(long streamBytes, long weightBytes, long outputBytes, long activationBytes, long equationBytes, long heapBytes,
        long resultBytes, double singleOperations, double teacherOperations, double doubleOperations) {
    /** Maximum number of factorisations per norm: one per candidate ridge and one for the final solution. */
    private static final int FACTORS = 9;
    private static final int CHANNELS = 256;
    /** Tokens that are converted to double precision at a time. */
    private static final int PIECE = 512;

    /**
     * Computes the resources.
     *
     * @param config the teacher's
     * @param tokens of the text
     * @param anchorChosen whether the anchor is chosen automatically
     * @return the cost
     */
    public static CalibrationCost of(DecoderConfig config, long tokens, boolean anchorChosen) {
        long n = config.hiddenSize();
        long mlp = 3 * n * config.intermediateSize();
        long attention = n * config.headDimension() * (2L * config.heads() + 2L * config.keyValueHeads());
        long stored = config.dtype().bytes();
        long part = Math.min(tokens, CalibrationText.PART);
        long held = heldOut(config, tokens);
        long matrix = Math.max(config.intermediateSize(), n) * n;
        long table = config.vocabSize() * n * stored;
        long trialTokens = Math.min(tokens, Calibration.trialTokens(config));
        double trialNorms = anchorChosen ? (double) Calibration.anchors() * Calibration.trialNorms(config) : 0;
        double trialLayers = anchorChosen ? Calibration.anchors() * (Calibration.trialNorms(config) - 1) / 2.0 : 0;
        int norms = CalibratedMapping.norms(config).size();
        double projections = n * config.headDimension() * (config.heads() + 2.0 * config.keyValueHeads()) + 2.0 * n * config.intermediateSize();
        // Once for the calibration, once for the output, which includes the head.
        double corrections = 2.0 * n * ((2 * config.layers() + trialLayers) * projections + (double) config.vocabSize() * n);
        double ofTokens = tokens * (double) config.layers() + trialTokens * trialLayers;
        // The neurons that renew the anchor are fitted to two values computed from each output of an MLP's norm.
        double renewals = 2.0 * 2 * n * ofTokens;
        return new CalibrationCost(
                2 * tokens * n * Float.BYTES,
                Math.max(table, Math.max(mlp, attention) * (stored + Float.BYTES) + 3 * matrix * Float.BYTES + n * n * Float.BYTES),
                Math.max(config.vocabSize(), config.intermediateSize()) * n * (2L * Float.BYTES + 2 * stored) + n * n * Float.BYTES,
                part * (3L * config.intermediateSize() + 6 * n) * Float.BYTES,
                3 * n * n * Double.BYTES + n * n * Float.BYTES + (3 * part + 2 * held) * n * Float.BYTES
                        + 2L * PIECE * n * Double.BYTES + (n + 2L * PIECE) * Math.min(CHANNELS, n) * Double.BYTES,
                n * n * Float.BYTES + 4 * tokens * Float.BYTES + treeBytes(n, tokens - held),
                norms * n * n * Float.BYTES + 2L * config.layers() * n * Float.BYTES,
                2.0 * 2 * (mlp + attention) * ofTokens + renewals + corrections,
                2.0 * (mlp + attention) * ofTokens,
                3.0 * n * n * (norms * tokens + trialNorms * trialTokens)
                        + (norms + trialNorms) * (FACTORS * (n * n * n / 3.0 + 2.0 * n * n * CHANNELS) + 2.0 * n * n * n)
                        + (FACTORS - 1) * 2.0 * n * CHANNELS * (norms * held + trialNorms * heldOut(config, trialTokens)));
    }

    /** The sums of the tree: those of a block, and one for each level. */
    private static long treeBytes(long n, long fitted) {
        int blocks = SharedText.blocks((int) Math.min(SharedText.BLOCKS, Math.ceilDiv(fitted, CalibrationText.PART)));
        int levels = Integer.SIZE - Integer.numberOfLeadingZeros(blocks - 1);
        return blocks == 1 ? 0 : (1 + levels) * n * (2 * n + 1) * Double.BYTES;
    }

    /** The number of tokens held out; at least one sequence, which has as many tokens as the model has positions. */
    private static long heldOut(DecoderConfig config, long tokens) {
        return Math.max(Math.min(tokens, config.maxPositions()), Math.min(tokens / CalibrationText.SHARE, CalibrationText.MAX_HELD_OUT));
    }

    /**
     * Total memory except for the Java runtime itself, on a device without memory of its own; the whole heap limit is counted.
     *
     * @param spilled whether the streams are on disk
     * @return the peak in bytes
     */
    public long memoryBytes(boolean spilled) {
        return heapBytes + deviceBytes(spilled);
    }

    /**
     * Memory of a device that has its own.
     *
     * @param spilled whether the streams are on disk
     * @return the peak in bytes
     */
    public long deviceBytes(boolean spilled) {
        return equationBytes + Math.max((spilled ? 0 : streamBytes) + weightBytes + activationBytes, outputBytes);
    }

    /**
     * Estimates the run time from the speed of this machine at such shapes, which is measured.
     *
     * @param config the teacher's
     * @param device the device to use
     * @return seconds
     */
    public double seconds(DecoderConfig config, Device device) {
        int width = Math.min(2048, config.hiddenSize());
        double single = productRate(width, DType.F32, device);
        DType ofTeacher = device.backend().productType(config.dtype());
        double teacher = ofTeacher == DType.F32 ? single : productRate(width, ofTeacher, device);
        return teacherOperations / teacher + (singleOperations - teacherOperations) / single + doubleOperations / doubleRate(width, device);
    }

    private static double productRate(int width, DType dtype, Device device) {
        return ProductRate.of(1024, width, width, new ProductRate.Dtypes(dtype, dtype), device);
    }

    private static double doubleRate(int width, Device device) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device);
                    LeastSquares equations = device.backend().leastSquares(width)) {
                Tensor y = Tensor.uniform(1, 0, PIECE, width);
                return 3.0 * width * width * PIECE * ProductRate.timesASecond(() -> {
                    equations.add(y, y);
                    equations.trace();
                });
            }
        });
    }
}

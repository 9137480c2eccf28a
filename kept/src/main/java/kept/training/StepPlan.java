package kept.training;

import java.util.List;
import java.util.stream.LongStream;
import kept.backend.BlockCodes;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorRole;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Shape;

/**
 * What a distillation step takes in memory and work, from the models' sizes alone. Bytes are those of tensors; counted is what grows with a model or
 * a batch.
 *
 * @param teacher the teacher's sizes
 * @param teacherBytes bytes of the teacher's weights as they are stored
 * @param student the student's sizes
 * @param train which of its parameters are trained
 * @param batchSize sequences in a forward and backward pass
 * @param accumulation passes whose gradients make one step
 * @param length tokens of a sequence
 * @param checkpointing whether activations are computed once more in the backward pass
 * @param precision what numbers are kept in
 */
public record StepPlan(DecoderConfig teacher, long teacherBytes, DecoderConfig student, ParameterSelection train, int batchSize, int accumulation,
        int length, boolean checkpointing, Precision precision) {
    private static final long FLOAT = Float.BYTES;
    /** Beyond any machine, and so far below the end of 64 bits that no sum of parts passes it. */
    private static final double MAX_BYTES = 1L << 58;
    private static final int MAX_SEQUENCES = 1024;

    /**
     * Refuses what no machine could hold, whose bytes would exceed a {@code long}.
     *
     * @throws TrainingException if the sizes are such
     */
    public StepPlan {
        double rows = (double) batchSize * length;
        double width = 2.0 * student.hiddenSize() + student.intermediateSize() + (double) student.headDimension() * student.heads() + student.heads();
        // At most 16 numbers of 4 bytes of each are kept at a time, in each layer or once.
        double bytes = 64 * rows * width * (student.layers() + 4.0);
        if (bytes > MAX_BYTES) {
            throw new TrainingException(("[plan] %,d sequences of %,d tokens, %,d times a step, are more than any machine can hold "
                    + "(about %.3g bytes); lower --batch-size, --accumulation or --sequence-length")
                    .formatted(batchSize, length, accumulation, bytes));
        }
    }

    /**
     * What the numbers of a step are kept in.
     *
     * @param weights the student's weights while it learns, and the gradients of its matrices: F32 or BF16
     * @param codedMoments whether AdamW's moments take 8 bits instead of 32
     * @param activations what the layers' branches compute in
     * @param chunkBytes the most bytes of logits at a time
     */
    public record Precision(DType weights, boolean codedMoments, DType activations, long chunkBytes) {
        /**
         * Those of a run on a device.
         *
         * @param device where it computes
         * @param weights the student's weights
         * @param codedMoments whether moments take 8 bits
         * @return with the device's activations and chunks
         */
        public static Precision on(Device device, DType weights, boolean codedMoments) {
            return new Precision(weights, codedMoments, device.backend().productType(weights), device.backend().chunkBytes());
        }

        private boolean isConverted() {
            return activations != DType.F32;
        }
    }

    /**
     * The bytes that a teacher takes if it is stored in the type that its configuration names.
     *
     * @param teacher its sizes
     * @return the bytes of all its tensors
     */
    public static long bytesByConfig(DecoderConfig teacher) {
        return parameters(ModelTensor.of(teacher)) * teacher.dtype().bytes();
    }

    /**
     * The plan with another batch.
     *
     * @param sequences those of a forward and backward pass
     * @param passes those of a step
     * @return the plan
     */
    public StepPlan withBatch(int sequences, int passes) {
        return new StepPlan(teacher, teacherBytes, student, train, sequences, passes, length, checkpointing, precision);
    }

    /**
     * The plan with other sequences.
     *
     * @param tokens of a sequence
     * @return the plan
     */
    public StepPlan withLength(int tokens) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, tokens, checkpointing, precision);
    }

    /**
     * The plan with activations kept or computed again.
     *
     * @param wanted true to compute them again
     * @return the plan
     */
    public StepPlan withCheckpointing(boolean wanted) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, wanted, precision);
    }

    /**
     * The plan with other parameters trained.
     *
     * @param selection which
     * @return the plan
     */
    public StepPlan withTrained(ParameterSelection selection) {
        return new StepPlan(teacher, teacherBytes, student, selection, batchSize, accumulation, length, checkpointing, precision);
    }

    /**
     * The plan with numbers kept in other types on the same device.
     *
     * @param weights the student's weights
     * @param activations what the layers' branches compute in then
     * @param codedMoments whether moments take 8 bits
     * @return the plan
     */
    public StepPlan withPrecision(DType weights, DType activations, boolean codedMoments) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, checkpointing,
                new Precision(weights, codedMoments, activations, precision.chunkBytes));
    }

    /**
     * The student's weights while it learns.
     *
     * @return bytes
     */
    public long studentBytes() {
        return studentParameters() * precision.weights.bytes();
    }

    /**
     * The numbers of the student.
     *
     * @return how many, trained and others
     */
    public long studentParameters() {
        return parameters(ModelTensor.of(student));
    }

    /**
     * The numbers that are trained.
     *
     * @return how many
     */
    public long trainedParameters() {
        return parameters(trained());
    }

    /**
     * The gradients of all trained parameters: those of matrices in the weights' type, others F32.
     *
     * @return bytes
     */
    public long gradientBytes() {
        return gradientBytes(trained());
    }

    private long gradientBytes(List<ModelTensor> tensors) {
        return tensors.stream().mapToLong(tensor ->
                tensor.shape().elementCount() * (tensor.shape().rank() >= 2 ? precision.weights.bytes() : FLOAT)).sum();
    }

    /**
     * Both moments of AdamW.
     *
     * @return bytes
     */
    public long momentBytes() {
        return 2 * FLOAT * trained().stream().mapToLong(tensor -> momentWords(tensor.shape())).sum();
    }

    private long momentWords(Shape shape) {
        return precision.codedMoments && AdamW.isCoded(shape) ? BlockCodes.shape(shape.elementCount()).elementCount() : shape.elementCount();
    }

    /**
     * What the forward passes leave for the backward pass, at its most, and what the backward pass of a layer makes besides.
     *
     * @return bytes
     */
    public long activationBytes() {
        return keptBytes() + layerBackwardBytes();
    }

    /**
     * The logits of both models for a chunk of rows, their gradient converted for products where it is, and the gradient of the hidden states.
     *
     * @return bytes
     */
    public long lossBytes() {
        long chunkRows = Math.min(rows(), Math.clamp(precision.chunkBytes / FLOAT / student.vocabSize(), 64, 2048));
        long logits = chunkRows * student.vocabSize();
        long converted = precision.isConverted() ? (logits + 2 * rows() * student.hiddenSize()) * precision.activations.bytes() : 0;
        return FLOAT * (2 * logits + rows() * student.hiddenSize()) + converted;
    }

    /**
     * What stays from step to step: weights and moments.
     *
     * @return bytes
     */
    public long steadyBytes() {
        return teacherBytes + studentBytes() + momentBytes();
    }

    /**
     * The most at any moment of a step. Gradients come as activations go, so that it is less than all items together, unless they are there already
     * from the passes before.
     *
     * @return bytes
     */
    public long peakBytes() {
        boolean isShort = precision.weights != DType.F32;
        boolean addsUp = accumulation > 1;
        long head = gradientBytes(trained(TensorRole.HEAD)) + (student.tieWordEmbeddings() ? gradientBytes(trained(TensorRole.EMBEDDING)) : 0);
        // Summed over chunks in F32, whatever it is kept in.
        long headSum = FLOAT * (parameters(trained(TensorRole.HEAD)) + (student.tieWordEmbeddings() ? parameters(trained(TensorRole.EMBEDDING)) : 0));
        long streams = 2 * streamBytes();                       // the teacher's hidden states, and the gradient that goes down the student's layers
        long kept = keptBytes();
        long loss = kept + streamBytes() + headSum + lossBytes();
        // Its gradient as it is kept, and where there is one already that as F32.
        long headDone = kept + streams + headSum + (!isShort ? 0 : addsUp ? headSum : head);
        long layers = student.layers();
        long gradientsOfLayer = (gradientBytes() - head - gradientBytes(trained(TensorRole.EMBEDDING))) / layers;
        // A sum that is kept in BF16, and what is added to it, are F32 meanwhile.
        long added = addsUp && isShort ? 2 * FLOAT * largestOfLayer() : 0;
        long top = kept + layerBackwardBytes() + streams + added + (addsUp ? 0 : head + gradientsOfLayer / 2);
        long keptBelow = checkpointing ? (layers - 1) * streamBytes() : (layers - 1) * layerBytes();
        long bottom = kept - keptBelow + layerBackwardBytes() + streams + added
                + (addsUp ? 0 : head + gradientsOfLayer * (2 * layers - 1) / 2);
        long embedding = isShort ? FLOAT * parameters(trained(TensorRole.EMBEDDING)) * (addsUp || student.tieWordEmbeddings() ? 2 : 1) : 0;
        long end = streams + embedding + (addsUp ? 0 : gradientBytes());
        return steadyBytes() + (addsUp ? gradientBytes() : 0) + LongStream.of(loss, headDone, top, bottom, end).max().getAsLong();
    }

    /**
     * What recomputing activations saves of the peak. Where a pass has few tokens the peak is that of the gradients, and it saves nothing.
     *
     * @return bytes, 0 or more
     */
    public long savedByCheckpointing() {
        return Math.max(0, withCheckpointing(false).peakBytes() - withCheckpointing(true).peakBytes());
    }

    /**
     * The fewest sequences of a pass for which recomputing activations pays: it saves a twentieth of the peak.
     *
     * @return a number of sequences, or 0 if there is none up to 1,024
     */
    public int checkpointingPaysFrom() {
        for (int sequences = 1; sequences <= MAX_SEQUENCES; sequences += sequences < 64 ? 1 : sequences / 8) {
            StepPlan plan = withBatch(sequences, accumulation);
            if (20.0 * plan.savedByCheckpointing() >= plan.withCheckpointing(false).peakBytes()) {
                return sequences;
            }
        }
        return 0;
    }

    /**
     * What recomputing activations adds to the work of a step.
     *
     * @return share of the operations without it
     */
    public double addedByCheckpointing() {
        return withCheckpointing(true).operations() / withCheckpointing(false).operations() - 1;
    }

    /** Elements of the largest matrix that is trained in a layer. */
    private long largestOfLayer() {
        return trained().stream().filter(tensor -> tensor.layer() == 0).mapToLong(tensor -> tensor.shape().elementCount()).max().orElse(0);
    }

    /**
     * The work of an optimizer step: a multiplication and an addition for each matrix element and token in the teacher's forward pass, the student's,
     * its gradient by the input, and where it is trained by the matrix; attention besides; with checkpointing the student's layers once more.
     *
     * @return floating-point operations
     */
    public double operations() {
        double tokens = (double) rows() * accumulation;
        double matrices = matrixElements(ModelTensor.of(student));
        // All of a layer but the projection that ends it.
        double ends = (double) student.layers() * student.hiddenSize() * student.intermediateSize();
        double again = checkpointing ? matrices - (double) student.vocabSize() * student.hiddenSize() - ends : 0;
        double products = 2 * (3 * matrices + matrixElements(trained()) + again);
        // Scores and sums of half of all pairs; backward two and a half times as much.
        double attention = 2.0 * length * student.heads() * student.headDimension() * student.layers() * (checkpointing ? 5.5 : 4.5);
        return tokens * (products + attention);
    }

    /** Tokens of a pass. */
    private long rows() {
        return (long) batchSize * length;
    }

    private long streamBytes() {
        return FLOAT * rows() * student.hiddenSize();
    }

    /** What a layer's forward pass leaves: streams and norms, queries and keys and values, what attention read, and gate and up of the MLP. */
    private long layerBytes() {
        long queries = (long) student.heads() * student.headDimension();
        long keys = (long) student.keyValueHeads() * student.headDimension();
        long branches = 2L * student.hiddenSize() + 2 * queries + 2 * keys + 2L * student.intermediateSize();
        return rows() * (FLOAT * (2L * student.hiddenSize() + 2 + student.heads()) + precision.activations.bytes() * branches);
    }

    /** What the student's forward pass leaves. */
    private long keptBytes() {
        return 2 * streamBytes() + student.layers() * (checkpointing ? streamBytes() : layerBytes());
    }

    /** What the backward pass of the MLP allocates: the product, the gradients of its two factors (one in place), and a recomputed layer. */
    private long layerBackwardBytes() {
        // Where activations are BF16, their gradients are as well, but for those of queries, keys and values between attention and rotation.
        long gradient = precision.isConverted() ? precision.activations.bytes() : FLOAT;
        long mlp = rows() * student.intermediateSize() * (2 * gradient + precision.activations.bytes());
        return mlp + (checkpointing ? layerBytes() : 0);
    }

    private List<ModelTensor> trained() {
        return ModelTensor.of(student).stream().filter(tensor -> train.selects(tensor.name())).toList();
    }

    private List<ModelTensor> trained(TensorRole role) {
        return trained().stream().filter(tensor -> tensor.role() == role).toList();
    }

    private static long parameters(List<ModelTensor> tensors) {
        return tensors.stream().mapToLong(tensor -> tensor.shape().elementCount()).sum();
    }

    /** Elements of matrices that tokens are multiplied with; the embedding is looked up, but multiplied with where it is the head too. */
    private double matrixElements(List<ModelTensor> tensors) {
        return tensors.stream().filter(tensor -> tensor.shape().rank() == 2 && (student.tieWordEmbeddings() || tensor.role() != TensorRole.EMBEDDING))
                .mapToDouble(tensor -> tensor.shape().elementCount()).sum();
    }
}

package kept.training;

import static kept.training.StepTensors.parameters;

import java.util.List;
import java.util.stream.LongStream;
import kept.backend.BlockCodes;
import kept.distributed.DividedTensors;
import kept.distributed.Division;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorRole;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Shape;

/**
 * The memory and arithmetic of a distillation step, computed from the models' sizes alone. Bytes are those of tensors that grow with the model or the
 * batch.
 *
 * @param teacher the teacher's sizes
 * @param teacherBytes bytes of the teacher's stored weights
 * @param student the student's sizes
 * @param train the student's parameters to train
 * @param batchSize sequences in a forward and backward pass
 * @param accumulation passes whose gradients are accumulated in a step
 * @param length tokens of a sequence
 * @param checkpointing whether activations are recomputed in the backward pass
 * @param precision the types of numbers
 * @param reduction the order in which the gradients of passes are added
 * @param shares how ranks share the step; bytes are those of a rank, and operations those of all
 * @param recordedTokens the tokens of a position of which the teacher's probabilities were recorded in advance, so that the teacher is not in memory
 *     but for what the student shares; 0 if the teacher computes its logits
 */
public record StepPlan(DecoderConfig teacher, long teacherBytes, DecoderConfig student, ParameterSelection train, int batchSize, int accumulation,
        int length, boolean checkpointing, Precision precision, GradientReduction reduction, Shares shares, int recordedTokens) {
    private static final long FLOAT = Float.BYTES;
    /** More than any machine has, and small enough that sums of parts do not exceed 64 bits. */
    private static final double MAX_BYTES = 1L << 58;

    /**
     * Refuses a step that no machine could hold, because its bytes would exceed a {@code long}.
     *
     * @throws TrainingException if the sizes are such
     */
    public StepPlan {
        double rows = (double) batchSize * length;
        double width = 2.0 * student.hiddenSize() + student.intermediateSize() + (double) student.headDimension() * student.heads() + student.heads();
        // There are at most 16 numbers of 4 bytes for each of these at a time, in each layer or once.
        double bytes = 64 * rows * width * (student.layers() + 4.0);
        if (bytes > MAX_BYTES) {
            throw new TrainingException(("[plan] %,d sequences of %,d tokens, %,d times a step, are more than any machine can hold "
                    + "(about %.3g bytes); lower --batch-size, --accumulation or --sequence-length")
                    .formatted(batchSize, length, accumulation, bytes));
        }
    }

    /**
     * How ranks share a step.
     *
     * @param ranks their number
     * @param sharding what lies divided over them
     */
    public record Shares(int ranks, Sharding sharding) {
        /** One rank has everything. */
        public static final Shares ONE = new Shares(1, Sharding.NONE);

        /** The bytes of a rank's part, if parts are alike. */
        private long of(long bytes, boolean isDivided) {
            return isDivided ? Math.ceilDiv(bytes, ranks) : bytes;
        }

        private boolean dividesGradients() {
            return ranks > 1 && sharding != Sharding.NONE;
        }

        boolean dividesParameters() {
            return ranks > 1 && sharding == Sharding.ALL;
        }
    }

    /**
     * The types of the numbers of a step.
     *
     * @param weights the type of the student's weights in training and of the gradients of its matrices: F32 or BF16
     * @param codedMoments whether AdamW's moments take 8 bits instead of 32
     * @param activations the type in which the layers' branches compute
     * @param chunkBytes the maximum number of bytes of logits at a time
     */
    public record Precision(DType weights, boolean codedMoments, DType activations, long chunkBytes) {
        /**
         * The types of a run on a device.
         *
         * @param device the device
         * @param weights the type of the student's weights
         * @param codedMoments whether moments take 8 bits
         * @return with the device's activations and chunks
         */
        public static Precision on(Device device, DType weights, boolean codedMoments) {
            return new Precision(weights, codedMoments, device.backend().productType(weights), device.backend().chunkBytes());
        }

        boolean isConverted() {
            return activations != DType.F32;
        }
    }

    /**
     * The bytes of a teacher that is stored in the type named by its configuration.
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
     * @param sequences the number of sequences in a forward and backward pass
     * @param passes the number of passes in a step
     * @return the plan
     */
    public StepPlan withBatch(int sequences, int passes) {
        return new StepPlan(teacher, teacherBytes, student, train, sequences, passes, length, checkpointing, precision, reduction, shares,
                recordedTokens);
    }

    /**
     * The plan with sequences of another length.
     *
     * @param tokens the tokens of a sequence
     * @return the plan
     */
    public StepPlan withLength(int tokens) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, tokens, checkpointing, precision, reduction, shares,
                recordedTokens);
    }

    /**
     * The plan with activations kept or recomputed.
     *
     * @param wanted true to recompute them
     * @return the plan
     */
    public StepPlan withCheckpointing(boolean wanted) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, wanted, precision, reduction, shares,
                recordedTokens);
    }

    /**
     * The plan with gradients added in another order.
     *
     * @param order the order
     * @return the plan
     */
    public StepPlan withReduction(GradientReduction order) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, checkpointing, precision, order, shares,
                recordedTokens);
    }

    /**
     * The plan for other ranks.
     *
     * @param other how they share the step
     * @return the plan
     */
    public StepPlan withShares(Shares other) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, checkpointing, precision, reduction, other,
                recordedTokens);
    }

    /**
     * The plan with a teacher whose logits were recorded in advance.
     *
     * @param tokens the recorded tokens of a position; 0 for a teacher that computes its logits
     * @return the plan
     */
    public StepPlan withRecorded(int tokens) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, checkpointing, precision, reduction, shares,
                tokens);
    }

    /**
     * Whether the teacher's logits were recorded in advance.
     *
     * @return true if the teacher is not in memory
     */
    public boolean isRecorded() {
        return recordedTokens > 0;
    }

    /**
     * The plan with other parameters trained.
     *
     * @param selection the parameters to train
     * @return the plan
     */
    public StepPlan withTrained(ParameterSelection selection) {
        return new StepPlan(teacher, teacherBytes, student, selection, batchSize, accumulation, length, checkpointing, precision, reduction, shares,
                recordedTokens);
    }

    /**
     * The plan with other types on the same device.
     *
     * @param weights the type of the student's weights
     * @param activations the type in which the layers' branches compute then
     * @param codedMoments whether moments take 8 bits
     * @return the plan
     */
    public StepPlan withPrecision(DType weights, DType activations, boolean codedMoments) {
        return new StepPlan(teacher, teacherBytes, student, train, batchSize, accumulation, length, checkpointing,
                new Precision(weights, codedMoments, activations, precision.chunkBytes), reduction, shares, recordedTokens);
    }

    /**
     * The teacher's weights in a rank: all of them, or of a recorded teacher those that the student shares.
     *
     * @return bytes
     */
    public long ownTeacherBytes() {
        return Math.round(heldTeacherBytes() * shareOf(held(), shares.dividesParameters()));
    }

    /**
     * The teacher's weights in memory.
     *
     * @return bytes of all ranks
     */
    public long heldTeacherBytes() {
        return isRecorded() ? teacherGroup(parameters(held())) : teacherBytes;
    }

    /** The teacher's tensors in memory. */
    List<ModelTensor> held() {
        return isRecorded() ? ModelTensor.of(student).stream().filter(tensor -> train.shares(tensor.name())).toList() : ModelTensor.of(teacher);
    }

    /**
     * The student's weights while it learns, without those that are the teacher's.
     *
     * @return bytes of all ranks
     */
    public long studentBytes() {
        return parameters(own()) * precision.weights.bytes();
    }

    /** The share of a rank that has the most of some tensors: whole blocks of each, so that the first ranks may have more than others. */
    private double shareOf(List<ModelTensor> tensors, boolean isDivided) {
        long own = tensors.stream().map(ModelTensor::shape)
                .mapToLong(shape -> new Division(shape.elementCount(), shares.ranks, DividedTensors.BLOCK).size(0)).sum();
        return isDivided && own > 0 ? own / (double) parameters(tensors) : 1;
    }

    private StepTensors tensors() {
        return new StepTensors(student, train);
    }

    List<ModelTensor> own() {
        return tensors().own();
    }

    /**
     * Whether some of the student's weights are the teacher's.
     *
     * @return true if so
     */
    public boolean sharesWeights() {
        return tensors().areShared();
    }

    /**
     * The student's weights in a rank.
     *
     * @return bytes
     */
    public long ownStudentBytes() {
        return Math.round(studentBytes() * shareOf(own(), shares.dividesParameters()));
    }

    /**
     * What a rank gathers of divided weights at a time: a layer, the embedding or the head of each model, and the next one, which is on its way
     * while the rank computes.
     *
     * @return bytes, 0 if the weights are not divided
     */
    public long gatheredBytes() {
        return new StepGathering(this).bytes();
    }

    /**
     * What a rank sends in a step, on average: the weights that other ranks gather, and its gradients.
     *
     * @return bytes
     */
    public long sentBytes() {
        return new StepGathering(this).sentBytes();
    }

    /** The bytes of some of the teacher's numbers as they are stored. */
    long teacherGroup(long numbers) {
        return Math.round(numbers * ((double) teacherBytes / parameters(ModelTensor.of(teacher))));
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
     * The best state: what is trained, in the type of the result, and adapters in that of the training.
     *
     * @param stored the type of the result
     * @return bytes on disk
     */
    public long bestStateBytes(DType stored) {
        return parameters(tensors().trainedItself()) * stored.bytes() + parameters(tensors().factors()) * precision.weights.bytes();
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
     * Both moments of AdamW in a rank.
     *
     * @return bytes
     */
    public long ownMomentBytes() {
        return Math.round(momentBytes() * shareOf(trained(), shares.dividesGradients()));
    }

    /**
     * Both moments of AdamW.
     *
     * @return bytes of all ranks
     */
    public long momentBytes() {
        return 2 * FLOAT * trained().stream().mapToLong(tensor -> momentWords(tensor.shape())).sum();
    }

    private long momentWords(Shape shape) {
        return precision.codedMoments && AdamW.isCoded(shape) ? BlockCodes.shape(shape.elementCount()).elementCount() : shape.elementCount();
    }

    /**
     * The maximum of what the forward passes keep for the backward pass, and the tensors that the backward pass of a layer creates in addition.
     *
     * @return bytes
     */
    public long activationBytes() {
        return activations().keptBytes() + activations().layerBackwardBytes();
    }

    /**
     * The logits of both models, or of the student alone, for a chunk of rows, their gradient in the type of the products if that differs, and the
     * gradient of the hidden states.
     *
     * @return bytes
     */
    public long lossBytes() {
        long chunkRows = Math.min(rows(), Math.clamp(precision.chunkBytes / FLOAT / student.vocabSize(), 64, 2048));
        long logits = chunkRows * student.vocabSize();
        long converted = precision.isConverted() ? (logits + 2 * rows() * student.hiddenSize()) * precision.activations.bytes() : 0;
        return FLOAT * ((isRecorded() ? 1 : 2) * logits + rows() * student.hiddenSize()) + converted;
    }

    /**
     * The tensors that remain in a rank from step to step: weights and moments.
     *
     * @return bytes
     */
    public long steadyBytes() {
        return ownTeacherBytes() + ownStudentBytes() + ownMomentBytes();
    }

    /**
     * The peak during a step. Gradients are created while activations are freed, so the peak is below the sum of all items, unless gradients exist
     * already from earlier passes.
     *
     * @return bytes
     */
    public long peakBytes() {
        if (shares.dividesGradients()) {
            return dividedPeakBytes();
        }
        StepActivations activations = activations();
        boolean isShort = precision.weights != DType.F32;
        boolean addsUp = ownPasses() > 1 && reduction == GradientReduction.SERIAL;
        long head = gradientBytes(trained(TensorRole.HEAD)) + (student.tieWordEmbeddings() ? gradientBytes(trained(TensorRole.EMBEDDING)) : 0);
        // Summed over chunks in F32, whatever type it is stored in.
        long headSum = FLOAT * (parameters(trained(TensorRole.HEAD)) + (student.tieWordEmbeddings() ? parameters(trained(TensorRole.EMBEDDING)) : 0));
        long taught = activations.taughtBytes();
        long streams = taught + activations.streamBytes();                  // and the gradient that goes down the student's layers
        long kept = activations.keptBytes();
        long loss = kept + taught + headSum + lossBytes();
        // Its stored gradient, and a copy in F32 if there is one already.
        long headDone = kept + streams + headSum + (!isShort ? 0 : addsUp ? headSum : head);
        // A sum that is stored in BF16, and the term that is added to it, are F32 during the addition.
        long added = addsUp && isShort ? 2 * FLOAT * tensors().largestOfLayer() : 0;
        long layers = 0;
        long above = head;
        int first = firstTrainedLayer();
        long[] gradients = gradientBytesOfLayers();
        for (int layer = student.layers() - 1; layer >= first; layer--) {
            long keptAbove = (student.layers() - 1 - layer) * (checkpointing ? activations.streamBytes() : activations.layerBytes());
            long done = addsUp ? 0 : above + gradients[layer] / 2;
            layers = Math.max(layers, kept - keptAbove + activations.layerBackwardBytes() + streams + added + done);
            above += gradients[layer];
        }
        long embedding = isShort ? FLOAT * parameters(trained(TensorRole.EMBEDDING)) * (addsUp || student.tieWordEmbeddings() ? 2 : 1) : 0;
        long end = streams + embedding + (addsUp ? 0 : gradientBytes());
        return steadyBytes() + sumBytes() + (addsUp ? gradientBytes() : 0)
                + LongStream.of(activations.teacherLayerBytes(), loss, headDone, layers, end).max().getAsLong();
    }

    /** As {@link #peakBytes}, where the gradients of a layer are sent and freed as the backward pass leaves it. */
    private long dividedPeakBytes() {
        StepActivations activations = activations();
        boolean isShort = precision.weights != DType.F32;
        long head = gradientBytes(trained(TensorRole.HEAD)) + (student.tieWordEmbeddings() ? gradientBytes(trained(TensorRole.EMBEDDING)) : 0);
        long headSum = FLOAT * (parameters(trained(TensorRole.HEAD)) + (student.tieWordEmbeddings() ? parameters(trained(TensorRole.EMBEDDING)) : 0));
        long taught = activations.taughtBytes();
        long streams = taught + activations.streamBytes();
        long kept = activations.keptBytes();
        long loss = kept + taught + headSum + lossBytes();
        long headDone = kept + streams + headSum + (isShort ? head : 0);
        long embedding = gradientBytes(trained(TensorRole.EMBEDDING));
        // The head's gradient is sent when the first layer begins; a tied one stays to the end.
        long beside = kept + activations.layerBackwardBytes() + streams + (student.tieWordEmbeddings() ? head : 0);
        long end = streams + embedding + (isShort ? FLOAT * parameters(trained(TensorRole.EMBEDDING)) : 0);
        // In a rank's only pass its parts of the sums come as the layers are done.
        long early = ownPasses() == 1 ? 0 : sumBytes();
        long late = sumBytes() - (ownPasses() == 1 ? shares.of(embedding, true) : 0);
        var gathering = new StepGathering(this);
        int first = firstTrainedLayer();
        long layers = 0;
        // The backward pass ends with the first layer that is trained; the parts of the sums of this and the layers before are to come.
        long toCome = 0;
        long[] gradients = gradientBytesOfLayers();
        for (int layer = first; layer < student.layers(); layer++) {
            toCome += ownPasses() == 1 ? shares.of(gradients[layer], true) : 0;
            layers = Math.max(layers, late - toCome + gathering.backwardBytes(layer) + beside + gradients[layer]);
        }
        return steadyBytes() + LongStream.of(early + gatheredBytes() + Math.max(activations.teacherLayerBytes(), streams + activations.layerBytes()),
                early + gathering.backwardBytes(student.layers()) + Math.max(loss, headDone),
                layers, late + gathering.backwardBytes(first) + end).max().getAsLong();
    }

    /** The layer with which the backward pass ends; the number of layers if it ends before them. */
    int firstTrainedLayer() {
        return tensors().firstTrainedLayer();
    }

    private long[] gradientBytesOfLayers() {
        long[] bytes = new long[student.layers()];
        trained().stream().filter(tensor -> tensor.layer() >= 0).forEach(tensor -> bytes[tensor.layer()] += gradientBytes(List.of(tensor)));
        return bytes;
    }

    /** The most passes that a rank does. */
    int ownPasses() {
        return Math.ceilDiv(accumulation, shares.ranks);
    }

    /**
     * The sums of earlier passes in a rank, beside the gradients of a pass. Where gradients are divided, also its part of the sum of this pass.
     *
     * @return bytes; 0 where each pass adds to the gradients there are
     */
    public long sumBytes() {
        int levels = 31 - Integer.numberOfLeadingZeros(ownPasses());
        if (shares.dividesGradients()) {
            return Math.max(1, levels) * Math.round(gradientBytes() * shareOf(trained(), true));
        }
        return (reduction == GradientReduction.SERIAL ? 0 : levels) * gradientBytes();
    }

    /**
     * The part of the peak that recomputing activations saves. If a pass has few tokens, the peak is that of the gradients, and it saves nothing.
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
        return StepArithmetic.checkpointingPaysFrom(this);
    }

    /**
     * The arithmetic that recomputing activations adds to a step.
     *
     * @return share of the operations without it
     */
    public double addedByCheckpointing() {
        return withCheckpointing(true).operations() / withCheckpointing(false).operations() - 1;
    }

    /**
     * The arithmetic of an optimizer step: a multiplication and an addition for each matrix element and token in the forward passes of teacher and
     * student, in the gradient of the student's inputs, and in that of each trained matrix; also adapters, attention, and with checkpointing the
     * student's layers once more. A recorded teacher computes nothing.
     *
     * @return floating-point operations
     */
    public double operations() {
        return StepArithmetic.operations(this);
    }

    /**
     * The arithmetic of the most passes that a rank does in a step.
     *
     * @return floating-point operations
     */
    public double ownOperations() {
        return operations() * ownPasses() / accumulation;
    }

    /** Tokens of a pass. */
    long rows() {
        return (long) batchSize * length;
    }

    private StepActivations activations() {
        return new StepActivations(this);
    }

    private List<ModelTensor> trained() {
        return tensors().trained();
    }

    private List<ModelTensor> trained(TensorRole role) {
        return tensors().trained(role);
    }
}

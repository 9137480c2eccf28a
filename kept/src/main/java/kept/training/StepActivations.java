package kept.training;

import kept.model.DecoderConfig;

/** The memory of activations in the passes of a {@link StepPlan}. Sizes are in bytes. */
final class StepActivations {
    private static final long FLOAT = Float.BYTES;

    private final StepPlan plan;
    private final DecoderConfig teacher;
    private final DecoderConfig student;
    /** Tokens of a pass. */
    private final long rows;
    /** The bytes of an element of what the matrices are multiplied by. */
    private final long element;

    StepActivations(StepPlan plan) {
        this.plan = plan;
        teacher = plan.teacher();
        student = plan.student();
        rows = plan.rows();
        element = plan.precision().activations().bytes();
    }

    /** What there is of the teacher during the student's passes: its hidden states, or the recorded tokens with their probabilities. */
    long taughtBytes() {
        return plan.isRecorded() ? rows * (plan.recordedTokens() * (Long.BYTES + FLOAT) + 2 * FLOAT) : FLOAT * rows * teacher.hiddenSize();
    }

    /** The tensors of a layer in the teacher's forward pass, which are freed after it: the most there is beside a student that is much smaller. */
    long teacherLayerBytes() {
        if (plan.isRecorded()) {
            return 0;
        }
        long queries = (long) teacher.heads() * teacher.headDimension();
        long keys = (long) teacher.keyValueHeads() * teacher.headDimension();
        long branches = 2L * teacher.hiddenSize() + 2 * queries + 2 * keys + 3L * teacher.intermediateSize();
        return rows * (FLOAT * (3L * teacher.hiddenSize() + 2 + teacher.heads()) + element * branches);
    }

    /** The student's residual stream. */
    long streamBytes() {
        return FLOAT * rows * student.hiddenSize();
    }

    /**
     * The tensors as wide as the MLP that a layer's forward pass keeps: gate and up, from which a fused kernel computes the product again; with
     * another activation its result and the product too, and what it squares.
     */
    private long keptOfMlp() {
        return switch (student.activation()) {
            case SILU -> 2;
            case RELU_SQUARED -> 5;
            default -> 4;
        };
    }

    /** The tensors that a layer's forward pass keeps: streams and norms, queries, keys and values, attention's result, and those of the MLP. */
    long layerBytes() {
        long queries = (long) student.heads() * student.headDimension();
        long keys = (long) student.keyValueHeads() * student.headDimension();
        long branches = 2L * student.hiddenSize() + 2 * queries + 2 * keys + keptOfMlp() * student.intermediateSize();
        return rows * (FLOAT * (2L * student.hiddenSize() + 2 + student.heads()) + element * branches);
    }

    /** The tensors that the student's forward pass keeps. */
    long keptBytes() {
        return 2 * streamBytes() + student.layers() * (plan.checkpointing() ? streamBytes() : layerBytes());
    }

    /** The tensors that the backward pass of the MLP allocates, and those of a recomputed layer. */
    long layerBackwardBytes() {
        return rows * student.intermediateSize() * bytesOfMlpBackward() + (plan.checkpointing() ? layerBytes() : 0);
    }

    /**
     * The bytes of an element of the MLP: the gradients of the product's two factors (one in place), and the product, which SiLU's fused kernel
     * computes again; or before them what the derivative of another activation computes.
     */
    private long bytesOfMlpBackward() {
        // Where activations are BF16, their gradients are as well, but for those of queries, keys and values between attention and rotation.
        long gradients = 2 * (plan.precision().isConverted() ? element : FLOAT);
        return switch (student.activation()) {
            case SILU -> gradients + element;
            case GELU -> Math.max(gradients, 2 * FLOAT);
            case GELU_TANH -> Math.max(gradients, 3 * FLOAT);
            case RELU, RELU_SQUARED -> gradients;
        };
    }
}

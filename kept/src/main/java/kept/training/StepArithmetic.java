package kept.training;

import kept.model.DecoderConfig;
import kept.model.ModelTensor;

/** The floating-point operations of a {@link StepPlan}, and when more of them pay. */
final class StepArithmetic {
    private static final int MAX_SEQUENCES = 1024;

    private StepArithmetic() {}

    /**
     * Those of all ranks in a step.
     *
     * @param plan the step
     */
    static double operations(StepPlan plan) {
        DecoderConfig student = plan.student();
        var tensors = new StepTensors(student, plan.train());
        double tokens = (double) plan.batchSize() * plan.length() * plan.accumulation();
        double matrices = tensors.matrixElements(ModelTensor.of(student));
        // All of a layer but the projection that ends it.
        double ends = (double) student.layers() * student.hiddenSize() * student.intermediateSize();
        double again = plan.checkpointing() ? matrices - (double) student.vocabSize() * student.hiddenSize() - ends : 0;
        double products = 2 * (2 * matrices + tensors.matrixElements(tensors.trained()) + again + tensors.adapterProducts(plan.checkpointing()));
        // The backward pass of attention takes two and a half times as much as the forward pass.
        double attention = attention(student, plan.length()) * (3.5 + (plan.checkpointing() ? 1 : 0));
        return tokens * (products + attention + (plan.isRecorded() ? 0 : forward(plan.teacher(), plan.length())));
    }

    private static double forward(DecoderConfig model, int length) {
        return 2 * StepTensors.matrixElements(model, ModelTensor.of(model)) + attention(model, length);
    }

    /** Scores and weighted sums for half of all pairs of tokens. */
    private static double attention(DecoderConfig model, int length) {
        return 2.0 * length * model.heads() * model.headDimension() * model.layers();
    }

    /** The fewest sequences of a pass for which recomputing activations saves a twentieth of the peak; 0 if there are none. */
    static int checkpointingPaysFrom(StepPlan step) {
        for (int sequences = 1; sequences <= MAX_SEQUENCES; sequences += sequences < 64 ? 1 : sequences / 8) {
            StepPlan plan = step.withBatch(sequences, step.accumulation());
            if (20.0 * plan.savedByCheckpointing() >= plan.withCheckpointing(false).peakBytes()) {
                return sequences;
            }
        }
        return 0;
    }
}

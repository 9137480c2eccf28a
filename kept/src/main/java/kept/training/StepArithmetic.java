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
        double taught = plan.isRecorded() ? 0 : 1;
        double products = 2 * ((2 + taught) * matrices + tensors.matrixElements(tensors.trained()) + again
                + tensors.adapterProducts(plan.checkpointing()));
        // Scores and weighted sums for half of all pairs of tokens; the backward pass takes two and a half times as much.
        double passes = 3.5 + taught + (plan.checkpointing() ? 1 : 0);
        double attention = 2.0 * plan.length() * student.heads() * student.headDimension() * student.layers() * passes;
        return tokens * (products + attention);
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

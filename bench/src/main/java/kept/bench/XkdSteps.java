package kept.bench;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import kept.backend.DistillationObjective;
import kept.corpus.RandomTokens;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.Distillation;
import kept.training.Trainer;
import kept.training.TrainingOptions;

/**
 * Runs steps of cross-architecture knowledge distillation (forward of the frozen Orion teacher, forward and backward of the Llama student, gradient
 * clipping, AdamW) on random weights and tokens, and measures the cost of each.
 */
final class XkdSteps implements AutoCloseable {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final Device device;
    private final Decoder teacher;
    private final Decoder student;
    private final Trainer trainer;

    /**
     * Creates teacher, student and trainer.
     *
     * @param device device of both models
     * @param dtype dtype of the parameters of both models
     * @param size size of both models and shape of a batch
     * @param steps number of steps of the run
     * @param activationCheckpointing whether the student recomputes activations in the backward pass instead of keeping them
     * @param storage storage of the optimizer's moments and of the parameters
     */
    XkdSteps(Device device, DType dtype, Size size, int steps, boolean activationCheckpointing, AdamW.Storage storage) {
        this.device = device;
        DecoderConfig orion = size.config(Architecture.ORION);
        DecoderConfig llama = size.config(Architecture.LLAMA);
        TrainingOptions options = options(size, 1, steps, storage);
        teacher = Decoder.create(orion, new RandomWeights(orion, 1, dtype), device);
        student = Decoder.create(llama, new RandomWeights(llama, 2, dtype), device);
        student.setActivationCheckpointing(activationCheckpointing);
        student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
        trainer = new Trainer(student, objective, new RandomTokens(size.vocabulary, size.sequence + 1), options);
    }

    /**
     * The settings of a run.
     *
     * @param size shape of a pass's batch
     * @param passes passes of a step
     * @param steps number of steps of the run
     * @param storage storage of the optimizer's moments and of the parameters
     */
    static TrainingOptions options(Size size, int passes, long steps, AdamW.Storage storage) {
        return new TrainingOptions(steps, size.batch, passes, size.sequence, new LearningRateSchedule.Constant(1e-4, 0),
                new AdamW.Settings(0.9, 0.999, 1e-8, 0.01), 1.0, storage);
    }

    /** Size of a model and shape {@code [batch, sequence]} of a batch. */
    record Size(int hidden, int layers, int heads, int intermediate, int vocabulary, int sequence, int batch) {
        /**
         * Returns a size.
         *
         * @param name S, M or L in any case, or orion-14b
         * @return size with one sequence of 4096 tokens for orion-14b
         * @throws IllegalArgumentException if there is no such size
         */
        static Size named(String name) {
            return switch (name.toUpperCase(Locale.ROOT)) {
                case "S" -> new Size(256, 8, 8, 768, 4096, 256, 8);
                case "M" -> new Size(768, 12, 12, 2304, 32000, 512, 2);
                case "L" -> new Size(1024, 16, 16, 3072, 32000, 1024, 1);
                case "ORION-14B" -> new Size(5120, 40, 40, 15360, 84608, 4096, 1);
                default -> throw new IllegalArgumentException("unknown size %s; --config takes S, M, L or orion-14b".formatted(name));
            };
        }

        /** Returns the same model with another shape of a batch. */
        Size with(int tokens, int sequences) {
            return new Size(hidden, layers, heads, intermediate, vocabulary, tokens, sequences);
        }

        DecoderConfig config(Architecture architecture) {
            return DecoderConfig.builder(architecture).vocabSize(vocabulary).hiddenSize(hidden).intermediateSize(intermediate).layers(layers)
                    .heads(heads).keyValueHeads(heads).headDimension(hidden / heads).maxPositions(sequence).normEps(1e-5).build();
        }
    }

    /**
     * Cost of a step.
     *
     * @param seconds wall-clock seconds
     * @param heapBytes bytes that all threads allocated on the Java heap
     * @param nativeBytes bytes that the device's memory pool obtained from the system
     */
    record Cost(double seconds, long heapBytes, long nativeBytes) {}

    /** Runs one step. */
    Cost next() {
        long heap = THREADS.getTotalThreadAllocatedBytes();
        long obtained = device.backend().memoryUsage().obtained();
        double seconds = trainer.next().seconds();
        return new Cost(seconds, THREADS.getTotalThreadAllocatedBytes() - heap, device.backend().memoryUsage().obtained() - obtained);
    }

    /** Number of the student's parameters. */
    long parameters() {
        return student.parameters().values().stream().mapToLong(parameter -> parameter.value().elementCount()).sum();
    }

    @Override
    public void close() {
        trainer.close();
        student.close();
        teacher.close();
    }
}

package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import kept.calibration.ProductRate;
import kept.checkpoint.Checkpoint;
import kept.io.AtomicFiles;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.GradientReduction;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import kept.training.StepPlan;
import kept.training.TrainingOptions;

/** The memory and time of a distillation, estimated before it starts. */
public final class DistillationPlan {
    /** The memory of the JVM, compiled code and packed operands, in addition to tensors. */
    private static final long HOST_BYTES = 400_000_000;
    /** The memory of a GPU's context, cuBLAS and loaded kernels, in addition to tensors; not measured. */
    private static final long DRIVER_BYTES = 1_000_000_000;
    /** The rate of a whole step as a fraction of the rate of matrix products of its shapes (docs/performance.md). */
    private static final double SHARE_OF_RATE = 0.75;

    private final StepPlan step;
    private final TrainingOptions options;
    private final boolean weightsRead;
    private final Device device;
    private final DType stored;

    private DistillationPlan(StepPlan step, TrainingOptions options, boolean weightsRead, Device device, DType stored) {
        this.step = step;
        this.options = options;
        this.weightsRead = weightsRead;
        this.device = device;
        this.stored = stored;
    }

    /**
     * The device and the types of a run's steps.
     *
     * @param device the device
     * @param weights the type of the student's weights in training
     * @param checkpointing whether activations are recomputed
     * @param shares how ranks share the steps
     */
    record Execution(Device device, DType weights, boolean checkpointing, StepPlan.Shares shares) {}

    /**
     * Other options for the same run.
     *
     * @param options the options in the programs' syntax
     * @param step the plan of a step with them
     */
    public record Alternative(String options, StepPlan step) {}

    /**
     * Plans a run from a teacher's config.json and, where there are weights, their headers.
     *
     * @param directory the teacher's
     * @param teacher the teacher's sizes
     * @param student the student's sizes
     * @param train which parameters of the student are trained
     * @param options the run's settings
     * @param execution the device and the types of the steps
     * @param stored the type of the stored result
     */
    static DistillationPlan of(Path directory, DecoderConfig teacher, DecoderConfig student, ParameterSelection train, TrainingOptions options,
            Execution execution, DType stored) {
        boolean weights = hasWeights(directory);
        long bytes = weights ? storedBytes(directory, teacher) : StepPlan.bytesByConfig(teacher);
        DType computed = ModelTensor.of(student).stream().anyMatch(tensor -> tensor.shape().rank() >= 2 && !train.shares(tensor.name()))
                ? execution.weights : teacher.dtype();
        var precision = new StepPlan.Precision(execution.weights, options.storage().codedMoments(),
                execution.device.backend().productType(computed), execution.device.backend().chunkBytes());
        var step = new StepPlan(teacher, bytes, student, train, options.batchSize(), options.accumulation(), options.sequenceLength(),
                execution.checkpointing, precision, options.reduction(), execution.shares, 0);
        return new DistillationPlan(step, options, weights, execution.device, stored);
    }

    /** Whether a directory has files of weights. */
    static boolean hasWeights(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).anyMatch(name -> name.endsWith(".safetensors") || name.endsWith(".bin")
                    || name.endsWith(".index.json"));
        } catch (IOException e) {
            throw new RunException("[plan] %s cannot be read: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
    }

    private static long storedBytes(Path directory, DecoderConfig config) {
        try (var checkpoint = Checkpoint.open(directory)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            return checkpoint.names().stream().mapToLong(name -> checkpoint.entry(name).byteSize()).sum();
        }
    }

    /**
     * The plan of a step.
     *
     * @return its plan
     */
    public StepPlan step() {
        return step;
    }

    /**
     * The settings of the training.
     *
     * @return steps, sizes and optimizer
     */
    public TrainingOptions options() {
        return options;
    }

    /**
     * The type of the stored result.
     *
     * @return the element type
     */
    public DType stored() {
        return stored;
    }

    /**
     * Whether the teacher's directory has weights, in addition to config.json.
     *
     * @return true if so
     */
    public boolean weightsRead() {
        return weightsRead;
    }

    /**
     * The peak of the memory that holds the tensors.
     *
     * @param plan this plan's step, or an alternative's
     * @return bytes
     */
    public long peakBytes(StepPlan plan) {
        return Math.max(plan.peakBytes(), evaluationBytes(plan)) + bytesBesideTensors();
    }

    /** An evaluation with a recorded teacher has its head beside the student, whose trained parameters are there twice; else steps have the peak. */
    private static long evaluationBytes(StepPlan plan) {
        long head = (long) plan.teacher().vocabSize() * plan.teacher().hiddenSize() * plan.teacher().dtype().bytes();
        return !plan.isRecorded() ? 0
                : plan.steadyBytes() + plan.trainedParameters() * plan.precision().weights().bytes() + head + 2 * plan.lossBytes();
    }

    /**
     * The memory in addition to tensors: of the JVM on the host, or of the device's driver.
     *
     * @return bytes
     */
    public long bytesBesideTensors() {
        return isOnHost() ? HOST_BYTES : DRIVER_BYTES;
    }

    /**
     * Whether tensors are in the machine's memory, not in a GPU's.
     *
     * @return false if the device has its own
     */
    public boolean isOnHost() {
        return device.backend().ownMemory().isEmpty();
    }

    /**
     * The owner of the memory that holds the tensors.
     *
     * @return the machine, or the device's name
     */
    public String owner() {
        return isOnHost() ? "the machine" : device.name();
    }

    /**
     * Refuses a run that needs more memory than there is, because the system would kill it, perhaps after hours.
     *
     * @param memory the machine's
     * @param progress receives a note if it fits only when other programs free memory
     */
    void requireRoom(MachineMemory memory, Progress progress) {
        long peak = peakBytes(step);
        if (peak > memory.total()) {
            List<Alternative> alternatives = alternatives(memory.total());
            throw new RunException("[memory] this run would take about %s, and %s has %s; %s; --plan shows more".formatted(
                    size(peak), owner(), size(memory.total()),
                    alternatives.isEmpty() ? "no options make it fit" : "it fits with " + alternatives.getFirst().options));
        }
        if (peak > memory.free()) {
            progress.note("memory: this run takes about %s, of which only %s are free now%s".formatted(size(peak), size(memory.free()),
                    isOnHost() ? "" : " on " + owner()));
        }
    }

    /**
     * The least division with which the run fits in the memory of each rank.
     *
     * @param room the available bytes of a rank
     * @return what lies divided over the ranks; everything if nothing suffices
     */
    Sharding sharding(long room) {
        for (Sharding sharding : Sharding.values()) {
            if (peakBytes(step.withShares(new StepPlan.Shares(step.shares().ranks(), sharding))) <= room) {
                return sharding;
            }
        }
        return Sharding.ALL;
    }

    /**
     * The fewest ranks, each with memory of its own, that can do these steps with everything divided.
     *
     * @param room the bytes of each
     * @return how many, a power of two up to 1,024 that the passes suffice for; 0 if there are none
     */
    public int fewestRanks(long room) {
        for (int ranks = 1; ranks <= 1024; ranks *= 2) {
            StepPlan shared = step.withBatch(step.batchSize(), Math.max(step.accumulation(), ranks))
                    .withShares(new StepPlan.Shares(ranks, Sharding.ALL));
            if (peakBytes(shared) <= room) {
                return ranks;
            }
        }
        return 0;
    }

    /**
     * The plan with the steps shared in another way.
     *
     * @param shares by how many ranks, and how
     * @return the plan
     */
    public DistillationPlan withShares(StepPlan.Shares shares) {
        return new DistillationPlan(step.withShares(shares), options, weightsRead, device, stored);
    }

    /**
     * The plan with a teacher whose logits were recorded.
     *
     * @param tokens the recorded tokens of a position; 0 for a teacher in memory
     * @return the plan
     */
    DistillationPlan withRecorded(int tokens) {
        return new DistillationPlan(step.withRecorded(tokens), options, weightsRead, device, stored);
    }

    /**
     * Options with which the run fits in memory.
     *
     * @param room the available bytes
     * @return the options, from those that change only the time to those that change the result; empty if there are none
     */
    public List<Alternative> alternatives(long room) {
        List<Alternative> found = new ArrayList<>();
        addLargestBatch(found, step.withCheckpointing(true), "", room);
        if (!step.checkpointing()) {
            addLargestBatch(found, step, "", room);
        }
        if (found.isEmpty()) {
            addLength(found, room);
        }
        addLowerPrecision(found, step, "", room);
        if (step.train().adapters().isEmpty() && !step.train().asked().equals("norms")) {
            StepPlan lora = step.withTrained(step.train().replacedBy(ParameterSelection.parse("lora"))).withCheckpointing(true);
            addLargestBatch(found, lora, "--train lora ", room);
        }
        ParameterSelection ofNorms = step.train().replacedBy(ParameterSelection.parse("norms"));
        boolean canTrainNorms = ModelTensor.of(step.student()).stream().anyMatch(tensor -> ofNorms.selects(tensor.name()));
        if (canTrainNorms && !step.train().asked().equals("norms")) {
            StepPlan norms = step.withTrained(ofNorms).withCheckpointing(true);
            addLargestBatch(found, norms, "--train norms ", room);
            if (found.isEmpty()) {
                addLowerPrecision(found, norms, "--train norms ", room);
            }
        }
        return found;
    }

    /** Adds 8-bit moments and, if those alone are not enough, weights and gradients in BF16. */
    private void addLowerPrecision(List<Alternative> found, StepPlan plan, String also, long room) {
        int before = found.size();
        StepPlan.Precision precision = step.precision();
        String coded = also + (precision.codedMoments() ? "" : "--optimizer adamw-8bit ");
        if (!precision.codedMoments()) {
            addLargestBatch(found, plan.withPrecision(precision.weights(), precision.activations(), true).withCheckpointing(true), coded, room);
        }
        if (found.size() == before && precision.weights() == DType.F32) {
            addLargestBatch(found, inBf16(plan).withCheckpointing(true), "--train-dtype bf16 " + coded, room);
        }
    }

    /**
     * A step with weights of BF16 and moments of 8 bits.
     *
     * @param plan of a step
     * @return the plan of the smaller one
     */
    public StepPlan inBf16(StepPlan plan) {
        return plan.withPrecision(DType.BF16, device.backend().productType(DType.BF16), true);
    }

    private void addLargestBatch(List<Alternative> found, StepPlan plan, String also, long room) {
        long sequences = (long) step.batchSize() * step.accumulation();
        for (int batch = step.batchSize(); batch >= 1; batch /= 2) {
            StepPlan smaller = plan.withBatch(batch, Math.toIntExact(Math.ceilDiv(sequences, batch)));
            StepPlan least = smaller.withReduction(GradientReduction.SERIAL);
            StepPlan fitting = peakBytes(smaller) <= room ? smaller : least;
            if (peakBytes(fitting) <= room) {
                found.add(new Alternative(words(fitting, also), fitting));
                return;
            }
        }
    }

    private void addLength(List<Alternative> found, long room) {
        StepPlan least = step.withCheckpointing(true).withBatch(1, Math.multiplyExact(step.batchSize(), step.accumulation()))
                .withReduction(GradientReduction.SERIAL);
        for (int length = step.length() / 2; length >= 64; length /= 2) {
            StepPlan shorter = least.withLength(length);
            if (peakBytes(shorter) <= room) {
                found.add(new Alternative(words(shorter, "--sequence-length %d ".formatted(length)), shorter));
                return;
            }
        }
    }

    private String words(StepPlan plan, String also) {
        var words = new StringBuilder(also);
        if (plan.batchSize() != step.batchSize()) {
            words.append("--batch-size %d --accumulation %d ".formatted(plan.batchSize(), plan.accumulation()));
        }
        if (plan.accumulation() > 1 && plan.reduction() != step.reduction()) {
            words.append("--reduction %s ".formatted(plan.reduction()));
        }
        if (plan.checkpointing()) {
            words.append("--checkpoint-activations");
        }
        return words.toString().strip();
    }

    /**
     * The operations of a rank's passes of a step over a second's, at three quarters of the rate of products, without what ranks send.
     *
     * @param rate as measured by {@link #rate}
     * @return seconds
     */
    public double secondsPerStep(double rate) {
        return step.ownOperations() / (SHARE_OF_RATE * rate);
    }

    /**
     * Rows of the products that are measured.
     *
     * @return how many
     */
    public int sampleRows() {
        return (int) Math.min(1024, (long) step.batchSize() * step.length());
    }

    /**
     * The width of a product that is measured.
     *
     * @param width the model's
     * @return that, or a smaller one
     */
    public static int sampleWidth(int width) {
        return Math.min(4096, width);
    }

    /**
     * Measures the multiplications and additions per second on the device.
     *
     * @return the rate of products at the run's shapes
     */
    public double rate() {
        return ProductRate.of(sampleRows(), sampleWidth(step.student().intermediateSize()), sampleWidth(step.student().hiddenSize()),
                new ProductRate.Dtypes(step.precision().activations(), step.precision().weights()), device);
    }

    private static String size(long bytes) {
        return MachineMemory.inWords(bytes);
    }
}

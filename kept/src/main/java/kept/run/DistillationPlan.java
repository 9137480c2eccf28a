package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.io.AtomicFiles;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import kept.training.TrainingOptions;

/** The memory and time of a distillation, estimated before it starts. */
public final class DistillationPlan {
    /** What the JVM, compiled code and packed operands take besides tensors. */
    private static final long HOST_BYTES = 400_000_000;
    /** What a GPU's context, cuBLAS and loaded kernels take besides tensors; not measured. */
    private static final long DRIVER_BYTES = 1_000_000_000;
    /** What a whole step reaches of the rate of products at its shapes (docs/performance.md). */
    private static final double SHARE_OF_RATE = 0.75;
    /** How long products are repeated for one measurement, in nanoseconds. */
    private static final long WINDOW = 400_000_000;
    private static final int MAX_WINDOWS = 10;

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
     * How the steps are carried out.
     *
     * @param device where
     * @param weights what the student's weights are kept in while it learns
     * @param checkpointing whether activations are computed again
     */
    record Execution(Device device, DType weights, boolean checkpointing) {}

    /**
     * Other options for the same run.
     *
     * @param options as they are written for the programs
     * @param step what a step takes with them
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
     * @param execution how they are carried out
     * @param stored what the result is stored in
     */
    static DistillationPlan of(Path directory, DecoderConfig teacher, DecoderConfig student, ParameterSelection train, TrainingOptions options,
            Execution execution, DType stored) {
        boolean weights = hasWeights(directory);
        long bytes = weights ? storedBytes(directory, teacher) : StepPlan.bytesByConfig(teacher);
        var precision = StepPlan.Precision.on(execution.device, execution.weights, options.storage().codedMoments());
        var step = new StepPlan(teacher, bytes, student, train, options.batchSize(), options.accumulation(), options.sequenceLength(),
                execution.checkpointing, precision);
        return new DistillationPlan(step, options, weights, execution.device, stored);
    }

    private static boolean hasWeights(Path directory) {
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
     * What a step takes.
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
     * What the result is stored in.
     *
     * @return the element type
     */
    public DType stored() {
        return stored;
    }

    /**
     * Whether the teacher's weights were there to be looked at, besides config.json.
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
        return plan.peakBytes() + bytesBesideTensors();
    }

    /**
     * What is taken besides tensors: by the JVM on the host, else by the device's driver.
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
     * Refuses a run that needs more memory than there is; it would end, after hours perhaps, with the system killing it.
     *
     * @param memory the machine's
     * @param progress receives a note if it fits only when other programs make room
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
     * Options with which the run would fit.
     *
     * @param room the bytes that there are
     * @return from those that change nothing but time to those that change the result; empty if there are none
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
        if (!step.train().toString().equals("norms")) {
            StepPlan norms = step.withTrained(ParameterSelection.parse("norms")).withCheckpointing(true);
            addLargestBatch(found, norms, "--train norms ", room);
            if (found.isEmpty()) {
                addLowerPrecision(found, norms, "--train norms ", room);
            }
        }
        return found;
    }

    /** Moments of 8 bits, and if those alone do not do, weights and gradients of BF16 too. */
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
            if (peakBytes(smaller) <= room) {
                found.add(new Alternative(words(smaller, also), smaller));
                return;
            }
        }
    }

    private void addLength(List<Alternative> found, long room) {
        StepPlan least = step.withCheckpointing(true).withBatch(1, Math.multiplyExact(step.batchSize(), step.accumulation()));
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
        if (plan.checkpointing()) {
            words.append("--checkpoint-activations");
        }
        return words.toString().strip();
    }

    /**
     * The operations of a step over a second's, at three quarters of the rate of products.
     *
     * @param rate as measured by {@link #rate}
     * @return seconds
     */
    public double secondsPerStep(double rate) {
        return step.operations() / (SHARE_OF_RATE * rate);
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
     * Multiplications and additions a second on the device, measured for some seconds until it rises no more: compiled code comes after a while.
     *
     * @return the rate of products at the run's shapes
     */
    public double rate() {
        long rows = sampleRows();
        long out = sampleWidth(step.student().intermediateSize());
        long in = sampleWidth(step.student().hiddenSize());
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                Tensor x = Tensor.uniform(1, 0, rows, in).cast(step.precision().activations());
                Tensor w = Tensor.uniform(1, 1, out, in).cast(step.precision().weights());
                double best = 0;
                double last = productsASecond(x, w);
                for (int i = 1; i < MAX_WINDOWS && (i < 4 || last > 1.05 * best); i++) {
                    best = Math.max(best, last);
                    last = productsASecond(x, w);
                }
                return 2.0 * rows * out * in * Math.max(best, last);
            }
        });
    }

    private static double productsASecond(Tensor x, Tensor w) {
        long start = System.nanoTime();
        long count = 0;
        long passed;
        do {
            try (var _ = Scope.open(x.device())) {
                x.linear(w);
            }
            count++;
            passed = System.nanoTime() - start;
        } while (passed < WINDOW);
        return count * 1e9 / passed;
    }

    private static String size(long bytes) {
        return MachineMemory.inWords(bytes);
    }
}

package kept;

import java.io.IOException;
import java.io.PrintWriter;
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
import kept.report.TextTable;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import kept.training.TrainingOptions;

/** What a distillation will take in memory and time, told before it is begun: for {@code --plan}, and to refuse what cannot fit. */
final class DistillationPlan {
    /** What the JVM, compiled code and packed operands take besides tensors. */
    private static final long HOST_BYTES = 400_000_000;
    /** What a GPU's context, cuBLAS and loaded kernels take besides tensors; not measured. */
    private static final long DRIVER_BYTES = 1_000_000_000;
    /** What a whole step reaches of the rate of products at its shapes (docs/performance.md). */
    private static final double SHARE_OF_RATE = 0.75;
    /** How long products are repeated for one measurement, in nanoseconds. */
    private static final long WINDOW = 400_000_000;
    private static final int MOST_WINDOWS = 10;

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

    /** Other options for the same run. */
    private record Alternative(String options, StepPlan step) {}

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
        if ((long) options.batchSize() * options.accumulation() > Integer.MAX_VALUE) {
            throw new ProgramException("[plan] %,d sequences a pass and %,d passes a step are too many; lower --batch-size or --accumulation"
                    .formatted(options.batchSize(), options.accumulation()));
        }
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
            throw new ProgramException("[plan] %s cannot be read: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
    }

    private static long storedBytes(Path directory, DecoderConfig config) {
        try (var checkpoint = Checkpoint.open(directory)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            return checkpoint.names().stream().mapToLong(name -> checkpoint.entry(name).byteSize()).sum();
        }
    }

    /** All that is taken at the peak of the memory that tensors lie in. */
    private long peak(StepPlan plan) {
        return plan.peakBytes() + besideTensors();
    }

    private long besideTensors() {
        return isOnHost() ? HOST_BYTES : DRIVER_BYTES;
    }

    private boolean isOnHost() {
        return device.backend().ownMemory().isEmpty();
    }

    private String owner() {
        return isOnHost() ? "the machine" : device.name();
    }

    /**
     * Refuses a run that needs more memory than there is; it would end, after hours perhaps, with the system killing it.
     *
     * @param memory the machine's
     * @param remarks is told if it fits only when other programs make room
     */
    void requireRoom(MachineMemory memory, PrintWriter remarks) {
        long peak = peak(step);
        if (peak > memory.total()) {
            List<Alternative> alternatives = alternatives(memory.total());
            throw new ProgramException("[memory] this run would take about %s, and %s has %s; %s; --plan tells more".formatted(
                    size(peak), owner(), size(memory.total()),
                    alternatives.isEmpty() ? "no options make it fit" : "it fits with " + alternatives.getFirst().options));
        }
        if (peak > memory.free()) {
            remarks.println("memory: this run takes about %s, of which only %s are free now%s".formatted(size(peak), size(memory.free()),
                    isOnHost() ? "" : " on " + owner()));
        }
    }

    /**
     * Tells what the run takes in memory and on disk, and what would make it fit.
     *
     * @param memory the machine's
     * @param out where to
     */
    void printMemory(MachineMemory memory, PrintWriter out) {
        StepPlan kept = step.withCheckpointing(false);
        StepPlan again = step.withCheckpointing(true);
        var table = new TextTable("memory", "activations kept", "--checkpoint-activations");
        row(table, "teacher's weights (%s)".formatted(weightsRead ? "as stored" : step.teacher().dtype().label() + ", by config.json"),
                step.teacherBytes(), step.teacherBytes());
        String weights = step.precision().weights().label();
        row(table, "student's weights (%s)".formatted(weights), step.studentBytes(), step.studentBytes());
        row(table, "moments of AdamW (%s)".formatted(step.precision().codedMoments() ? "8 bits" : "f32"), step.momentBytes(), step.momentBytes());
        row(table, "gradients (%s)".formatted(weights), step.gradientBytes(), step.gradientBytes());
        row(table, "activations", kept.activationBytes(), again.activationBytes());
        row(table, "logits of a chunk", kept.lossBytes(), again.lossBytes());
        row(table, isOnHost() ? "JVM, packed operands" : "driver, cuBLAS, kernels", besideTensors(), besideTensors());
        row(table, "at most at a time", peak(kept), peak(again));
        if (step.accumulation() == 1) {
            table.line("gradients come as activations go, so the most at a time is less than the sum");
        }
        table.print(out);
        out.println("%s has %s, %s of it free".formatted(isOnHost() ? "this machine" : owner(), size(memory.total()), size(memory.free())));
        verdict(memory, out);
        out.println();
        out.println("on disk: %s for the state of the unfinished run, %s for the best state, %s for the result".formatted(
                size(step.trainedParameters() * step.precision().weights().bytes() + step.momentBytes()),
                size(step.trainedParameters() * stored.bytes()),
                size(step.studentParameters() * stored.bytes())));
        out.flush();
    }

    private static void row(TextTable table, String name, long kept, long again) {
        table.row(name, size(kept), size(again));
    }

    private void verdict(MachineMemory memory, PrintWriter out) {
        long peak = peak(step);
        if (peak <= memory.total()) {
            out.println(peak <= memory.free() ? "it fits" : "it fits if other programs make room");
            return;
        }
        out.println("it does not fit: as asked it takes %s".formatted(size(peak)));
        List<Alternative> alternatives = alternatives(memory.total());
        if (alternatives.isEmpty()) {
            long steady = step.teacherBytes() + Math.min(step.studentBytes(), inBf16(step).studentBytes());
            out.println("no options make it fit: %s".formatted(steady > memory.total()
                    ? "the weights of teacher and student alone take " + size(steady) : "weights, moments and one short sequence take more"));
            return;
        }
        out.println("it would fit with");
        alternatives.forEach(alternative -> out.println("  %-64s %s".formatted(alternative.options, size(peak(alternative.step)))));
    }

    /** From those that change nothing but time to those that change the result. */
    private List<Alternative> alternatives(long room) {
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

    private StepPlan inBf16(StepPlan plan) {
        return plan.withPrecision(DType.BF16, device.backend().productType(DType.BF16), true);
    }

    private void addLargestBatch(List<Alternative> found, StepPlan plan, String also, long room) {
        long sequences = (long) step.batchSize() * step.accumulation();
        for (int batch = step.batchSize(); batch >= 1; batch /= 2) {
            StepPlan smaller = plan.withBatch(batch, Math.toIntExact(Math.ceilDiv(sequences, batch)));
            if (peak(smaller) <= room) {
                found.add(new Alternative(words(smaller, also), smaller));
                return;
            }
        }
    }

    private void addLength(List<Alternative> found, long room) {
        StepPlan least = step.withCheckpointing(true).withBatch(1, Math.multiplyExact(step.batchSize(), step.accumulation()));
        for (int length = step.length() / 2; length >= 64; length /= 2) {
            StepPlan shorter = least.withLength(length);
            if (peak(shorter) <= room) {
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
     * Tells how long the run takes; the device is tried for some seconds to learn how fast it is.
     *
     * @param out where to
     */
    void printTime(PrintWriter out) {
        double rate = rate();
        double seconds = step.operations() / (SHARE_OF_RATE * rate);
        out.println("products at these shapes run at %.0f GFLOP/s, measured just now on %d x %d x %d".formatted(
                rate / 1e9, sampleRows(), sampleWidth(step.student().intermediateSize()), sampleWidth(step.student().hiddenSize())));
        out.println("a step of %,d tokens is %.3g TFLOP, about %s at three quarters of that rate: %.3g tokens/s".formatted(
                options.tokensPerStep(), step.operations() / 1e12, duration(seconds), options.tokensPerStep() / seconds));
        out.println("%,d steps take about %s".formatted(options.steps(), duration(seconds * options.steps())));
    }

    private int sampleRows() {
        return (int) Math.min(1024, (long) step.batchSize() * step.length());
    }

    private static int sampleWidth(int width) {
        return Math.min(4096, width);
    }

    /** Multiplications and additions a second, measured until it rises no more: compiled code comes after a while. */
    private double rate() {
        long rows = sampleRows();
        long out = sampleWidth(step.student().intermediateSize());
        long in = sampleWidth(step.student().hiddenSize());
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                Tensor x = Tensor.uniform(1, 0, rows, in).cast(step.precision().activations());
                Tensor w = Tensor.uniform(1, 1, out, in).cast(step.precision().weights());
                double best = 0;
                double last = productsASecond(x, w);
                for (int i = 1; i < MOST_WINDOWS && (i < 4 || last > 1.05 * best); i++) {
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

    /** Seconds in words. */
    static String duration(double seconds) {
        if (seconds < 120) {
            return "%.3g seconds".formatted(seconds);
        }
        if (seconds < 2 * 3600) {
            return "%.0f minutes".formatted(seconds / 60);
        }
        return seconds < 48 * 3600 ? "%.0f hours".formatted(seconds / 3600) : "%,.0f days".formatted(seconds / 86_400);
    }
}

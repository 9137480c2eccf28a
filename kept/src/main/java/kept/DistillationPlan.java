package kept;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import kept.autograd.Autograd;
import kept.checkpoint.AtomicFiles;
import kept.checkpoint.Checkpoint;
import kept.distill.ParameterSelection;
import kept.distill.StepPlan;
import kept.distill.TrainingOptions;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.report.TextTable;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** What a distillation will take in memory and time, told before it is begun: for {@code --plan}, and to refuse what cannot fit. */
final class DistillationPlan {
    /** What the JVM, compiled code and packed operands take besides tensors. */
    private static final long HOST_BYTES = 400_000_000;
    /** What a whole step reaches of the rate of products at its shapes (docs/performance.md). */
    private static final double SHARE_OF_RATE = 0.75;
    /** How long products are repeated for one measurement, in nanoseconds. */
    private static final long WINDOW = 400_000_000;
    private static final int MOST_WINDOWS = 10;

    private final StepPlan step;
    private final TrainingOptions options;
    private final boolean weightsRead;
    private final DType stored;

    private DistillationPlan(StepPlan step, TrainingOptions options, boolean weightsRead, DType stored) {
        this.step = step;
        this.options = options;
        this.weightsRead = weightsRead;
        this.stored = stored;
    }

    /** Other options for the same run. */
    private record Alternative(String options, StepPlan step) {}

    /**
     * Plans a run from a teacher's config.json and, where there are weights, their headers.
     *
     * @param directory the teacher's
     * @param config the teacher's sizes
     * @param student the student's sizes
     * @param train which parameters of the student are trained
     * @param options the run's settings
     * @param checkpointing whether activations are computed again
     * @param stored what the result is stored in
     */
    static DistillationPlan of(Path directory, DecoderConfig config, DecoderConfig student, ParameterSelection train, TrainingOptions options,
            boolean checkpointing, DType stored) {
        boolean weights = hasWeights(directory);
        long bytes = weights ? storedBytes(directory, config) : StepPlan.bytesByConfig(config);
        var step = new StepPlan(config, bytes, student, train, options.batchSize(), options.accumulation(), options.sequenceLength(), checkpointing);
        return new DistillationPlan(step, options, weights, stored);
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

    /** All that the process takes at its peak. */
    private static long peak(StepPlan step) {
        return step.peakBytes() + HOST_BYTES;
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
            throw new ProgramException("[memory] this run would take about %s, and the machine has %s; %s; --plan tells more".formatted(
                    size(peak), size(memory.total()),
                    alternatives.isEmpty() ? "no options make it fit" : "it fits with " + alternatives.getFirst().options));
        }
        if (peak > memory.free()) {
            remarks.println("memory: this run takes about %s, of which only %s are free now".formatted(size(peak), size(memory.free())));
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
        row(table, "student's weights (f32)", step.studentBytes(), step.studentBytes());
        row(table, "moments of AdamW (f32)", step.momentBytes(), step.momentBytes());
        row(table, "gradients (f32)", step.gradientBytes(), step.gradientBytes());
        row(table, "activations", kept.activationBytes(), again.activationBytes());
        row(table, "logits of a chunk", kept.lossBytes(), again.lossBytes());
        row(table, "JVM, packed operands", HOST_BYTES, HOST_BYTES);
        row(table, "at most at a time", peak(kept), peak(again));
        table.line("gradients come as activations go, so the most at a time is less than the sum");
        table.print(out);
        out.println("this machine has %s, %s of it free".formatted(size(memory.total()), size(memory.free())));
        verdict(memory, out);
        out.println();
        out.println("on disk: %s for the state of the unfinished run, %s for the best state, %s for the result".formatted(
                size(step.studentBytes() + step.momentBytes()), size(step.gradientBytes() / DType.F32.bytes() * stored.bytes()),
                size(step.studentBytes() / DType.F32.bytes() * stored.bytes())));
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
            long steady = step.teacherBytes() + step.studentBytes();
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
        if (!step.train().toString().equals("norms")) {
            addLargestBatch(found, step.withTrained(ParameterSelection.parse("norms")).withCheckpointing(true), "--train norms ", room);
        }
        return found;
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
     * Tells how long the run takes.
     *
     * @param device is tried for some seconds to learn how fast it is
     * @param out where to
     */
    void printTime(Device device, PrintWriter out) {
        double rate = rate(device);
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
    private double rate(Device device) {
        long rows = sampleRows();
        long out = sampleWidth(step.student().intermediateSize());
        long in = sampleWidth(step.student().hiddenSize());
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                Tensor x = Tensor.uniform(1, 0, rows, in);
                Tensor w = Tensor.uniform(1, 1, out, in);
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

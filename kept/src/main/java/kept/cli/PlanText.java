package kept.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import kept.calibration.Calibration;
import kept.calibration.CalibrationCost;
import kept.mapping.ConversionCost;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.report.TextTable;
import kept.run.DistillationPlan;
import kept.run.MachineMemory;
import kept.run.MappingChoice;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.Sharding;
import kept.training.StepPlan;

/** The text of {@code --plan}: the memory, disk and time of a run, and options with which it fits. */
public final class PlanText {
    /** The memory of usual cards. */
    private static final int[] CARDS = {24, 40, 48, 80, 141};
    private static final long GB = 1_000_000_000;

    private PlanText() {}

    /**
     * Tells what the run takes in memory and on disk, and what would make it fit.
     *
     * @param plan the run's
     * @param memory the machine's
     * @param out where to
     */
    public static void printMemory(DistillationPlan plan, MachineMemory memory, PrintWriter out) {
        StepPlan step = plan.step();
        StepPlan kept = step.withCheckpointing(false);
        StepPlan again = step.withCheckpointing(true);
        boolean isShared = step.shares().ranks() > 1;
        if (isShared) {
            out.println("%,d ranks with --shard %s; memory is that of each".formatted(step.shares().ranks(), step.shares().sharding()));
        }
        var table = new TextTable("memory", "activations kept", "--checkpoint-activations");
        row(table, "%s (%s)".formatted(step.isRecorded() ? "teacher's weights that the student shares; its logits are recorded" : "teacher's weights",
                plan.weightsRead() ? "as stored" : step.teacher().dtype().label() + ", by config.json"),
                step.ownTeacherBytes(), step.ownTeacherBytes());
        String weights = step.precision().weights().label();
        row(table, "student's weights (%s)%s".formatted(weights, step.sharesWeights() ? "; the others are the teacher's" : ""),
                step.ownStudentBytes(), step.ownStudentBytes());
        if (step.gatheredBytes() > 0) {
            row(table, "layers of each, gathered", step.gatheredBytes(), step.gatheredBytes());
        }
        row(table, "moments of AdamW (%s)".formatted(step.precision().codedMoments() ? "8 bits" : "f32"), step.ownMomentBytes(),
                step.ownMomentBytes());
        boolean isDivided = isShared && step.shares().sharding() != Sharding.NONE;
        if (isDivided) {
            row(table, "gradients (%s), this rank's part".formatted(weights), step.sumBytes(), step.sumBytes());
        } else {
            row(table, "gradients (%s)".formatted(weights), step.gradientBytes(), step.gradientBytes());
        }
        if (!isDivided && step.sumBytes() > 0) {
            row(table, "gradients of earlier passes (--reduction %s)".formatted(step.reduction()), step.sumBytes(), step.sumBytes());
        }
        row(table, "activations", kept.activationBytes(), again.activationBytes());
        row(table, "logits of a chunk", kept.lossBytes(), again.lossBytes());
        row(table, plan.isOnHost() ? "JVM, packed operands" : "driver, cuBLAS, kernels", plan.bytesBesideTensors(), plan.bytesBesideTensors());
        row(table, "at most at a time", plan.peakBytes(kept), plan.peakBytes(again));
        if (isDivided) {
            table.line("a layer's gradients come as its activations go, and are sent when the layer is done");
        } else if (step.accumulation() == 1) {
            table.line("gradients come as activations go, so the most at a time is less than the sum");
        }
        table.print(out);
        out.println(checkpointing(step));
        out.println("%s has %s, %s of it free".formatted(plan.isOnHost() ? "this machine" : plan.owner(), size(memory.total()), size(memory.free())));
        verdict(plan, memory, out);
        out.println();
        if (isShared) {
            printRanks(plan, out);
        }
        out.println("on disk: %s for the state of the unfinished run, %s for the best state, %s for the result".formatted(
                size(step.trainedParameters() * step.precision().weights().bytes() + step.momentBytes()),
                size(step.bestStateBytes(plan.stored())),
                size(step.studentParameters() * plan.stored().bytes())));
        out.flush();
    }

    /** What goes between ranks, and how few of them suffice. */
    private static void printRanks(DistillationPlan plan, PrintWriter out) {
        StepPlan step = plan.step();
        out.println("each rank sends about %s per step (%s)".formatted(size(step.sentBytes()), Arrays.stream(Sharding.values())
                .map(other -> "%s %s".formatted(other, size(step.withShares(new StepPlan.Shares(step.shares().ranks(), other)).sentBytes())))
                .collect(Collectors.joining(", "))));
        out.println("the fewest ranks with --shard all: %s".formatted(Arrays.stream(CARDS).mapToObj(card -> {
            int ranks = plan.fewestRanks(card * GB);
            return "%s of %d GB".formatted(ranks == 0 ? "none" : Integer.toString(ranks), card);
        }).collect(Collectors.joining(", "))));
        out.println();
    }

    /** Says whether {@code --checkpoint-activations} pays. */
    private static String checkpointing(StepPlan step) {
        String effect = "--checkpoint-activations saves %s at the peak and takes %.0f %% more operations".formatted(
                size(step.savedByCheckpointing()), 100 * step.addedByCheckpointing());
        int from = step.checkpointingPaysFrom();
        if (from == 0) {
            return effect + ": it does not pay";
        }
        return effect + (from <= step.batchSize() ? "" : ": it pays from --batch-size %d on".formatted(from));
    }

    private static void row(TextTable table, String name, long kept, long again) {
        table.row(name, size(kept), size(again));
    }

    private static void verdict(DistillationPlan plan, MachineMemory memory, PrintWriter out) {
        StepPlan step = plan.step();
        long peak = plan.peakBytes(step);
        if (peak <= memory.total()) {
            out.println(peak <= memory.free() ? "it fits" : "it fits if other programs make room");
            return;
        }
        out.println("it does not fit: as asked it takes %s".formatted(size(peak)));
        List<DistillationPlan.Alternative> alternatives = plan.alternatives(memory.total());
        if (alternatives.isEmpty()) {
            long steady = step.heldTeacherBytes() + Math.min(step.studentBytes(), plan.inBf16(step).studentBytes());
            out.println("no options make it fit: %s".formatted(steady > memory.total()
                    ? "the weights of teacher and student alone take " + size(steady) : "weights, moments and one short sequence take more"));
            return;
        }
        out.println("it would fit with");
        alternatives.forEach(alternative -> out.println("  %-64s %s".formatted(alternative.options(), size(plan.peakBytes(alternative.step())))));
    }

    /**
     * Tells how long the run takes; the device is tried for about half a second to learn how fast it is.
     *
     * @param plan the run's
     * @param out where to
     */
    public static void printTime(DistillationPlan plan, PrintWriter out) {
        StepPlan step = plan.step();
        double rate = plan.rate();
        double seconds = plan.secondsPerStep(rate);
        long tokens = plan.options().tokensPerStep();
        long steps = plan.options().steps();
        out.println("products at these shapes run at %.0f GFLOP/s, measured just now on %d x %d x %d".formatted(rate / 1e9, plan.sampleRows(),
                DistillationPlan.sampleWidth(step.student().intermediateSize()), DistillationPlan.sampleWidth(step.student().hiddenSize())));
        out.println("a step of %,d tokens is %.3g TFLOP, about %s at three quarters of that rate: %.3g tokens/s".formatted(
                tokens, step.operations() / 1e12, duration(seconds), tokens / seconds));
        out.println("%,d steps take about %s".formatted(steps, duration(seconds * steps)));
    }

    /**
     * Tells what a conversion takes, by config.json alone: its output, and where nothing is measured its memory.
     *
     * @param table the mapping
     * @param stored the type of the output; null for that of config.json
     * @param out where to
     */
    public static void printConversion(Mapping table, DType stored, PrintWriter out) {
        ConversionCost cost = ConversionCost.of(table, stored);
        if (table.measured().isEmpty()) {
            out.println("nothing is measured: the mapping takes as long as copying the files");
            out.println("in memory: %s".formatted(cost.largest().map(name -> "%s at most for tensors, while %s is computed".formatted(
                    size(cost.memoryBytes()), name)).orElse("buffers only, because every tensor is copied")));
        }
        out.println("on disk: %s for the output's weights (%s)".formatted(
                size(cost.outputBytes()), (stored == null ? table.source().dtype() : stored).label()));
        out.flush();
    }

    /**
     * Tells what measuring a mapping takes, by config.json alone.
     *
     * @param choice the mapping, {@code calibrated}
     * @param config the teacher's
     * @param device where it would be measured
     * @param out where to
     */
    public static void printMeasuring(MappingChoice choice, DecoderConfig config, Device device, PrintWriter out) {
        long tokens = choice.tokens(config);
        CalibrationCost cost = CalibrationCost.of(config, tokens, Double.isNaN(choice.options().anchor()));
        var memory = new TextTable("calibration", "in memory", "--spill DIR");
        memory.row("streams of %,d tokens".formatted(tokens), size(cost.streamBytes()), "on disk");
        row(memory, "weights of half a layer, both models", cost.weightBytes(), cost.weightBytes());
        row(memory, "activations", cost.activationBytes(), cost.activationBytes());
        boolean own = device.backend().ownMemory().isPresent();
        long equations = cost.equationBytes() + (own ? 0 : cost.heapBytes());
        row(memory, own ? "equations of a norm" : "equations of a norm (mostly on the Java heap)", equations, equations);
        row(memory, "then: the largest tensor of the output", cost.outputBytes(), cost.outputBytes());
        row(memory, "at most at a time", own ? cost.deviceBytes(false) : cost.memoryBytes(false),
                own ? cost.deviceBytes(true) : cost.memoryBytes(true));
        memory.print(out);
        if (own) {
            MachineMemory ofDevice = MachineMemory.of(device);
            out.println("%s has %s, %s of it free: %s".formatted(device.name(), size(ofDevice.total()), size(ofDevice.free()),
                    cost.deviceBytes(false) <= ofDevice.free() ? "it fits"
                            : cost.deviceBytes(true) <= ofDevice.free() ? "it fits with --spill" : "it does not fit; --device cpu takes longer"));
        }
        MachineMemory machine = MachineMemory.now();
        out.println("this machine has %s, %s of it free; the Java heap may take %s%s".formatted(
                size(machine.total()), size(machine.free()), size(Runtime.getRuntime().maxMemory()),
                own ? " and needs %s besides what the program itself takes".formatted(size(cost.heapBytes())) : ""));
        out.println("on disk: %s of measured tensors until the output is written, and with --spill %s of streams".formatted(
                size(cost.resultBytes()), size(cost.streamBytes())));
        double seconds = cost.seconds(config, device);
        out.println("it takes about %s at the rates of this machine, measured just now".formatted(duration(seconds)));
        Calibration.advice(config, tokens).ifPresent(out::println);
        out.flush();
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

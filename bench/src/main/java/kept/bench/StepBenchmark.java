package kept.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.bench.recording.GpuModel;
import kept.bench.recording.MemoryReplay;
import kept.bench.recording.Prediction;
import kept.bench.recording.RecordedDevice;
import kept.bench.recording.Recording;
import kept.bench.recording.Recording.Event;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.KeyValueCache;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.GradientReduction;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Records an XKD step, or the decoding of a token, on a device that computes nothing, and prints what the backend asks of a GPU and how long that
 * would take. The weights, gradients and moments are those of training a 14B model on one GPU: BF16 and 8-bit moments.
 */
@Command(
        name = "bench step",
        description = {"Records an XKD step, or the decoding of a token, without a GPU: launches, products, copies, allocations and waits.",
            "Prints them by kernel with the time that they would take on a GPU. See docs/cuda.md."},
        usageHelpAutoWidth = true,
        sortOptions = false)
final class StepBenchmark implements Callable<Integer> {
    private static final String STANDARD_OUTPUT = "-";
    private static final double GIB = 1L << 30;

    @Spec
    private CommandSpec spec;

    @Option(names = "--config", paramLabel = "NAME", defaultValue = "orion-14b", description = "Model: orion-14b, S, M or L (${DEFAULT-VALUE}).")
    private String config;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "recorded", description = "Only ${DEFAULT-VALUE}: nothing is computed.")
    private String device;

    @Option(names = "--gpu", paramLabel = "NAME", defaultValue = "h200",
            description = "GPU to predict: h200, h100, a100 or rtx-4090 (${DEFAULT-VALUE}). Its memory is not a limit here.")
    private String gpu;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "1", description = "Sequences (${DEFAULT-VALUE}).")
    private int batch;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "4096",
            description = "Tokens of a sequence; with --decode tokens before the decoded one (${DEFAULT-VALUE}).")
    private int tokens;

    @Option(names = "--checkpoint-activations", description = "Recompute the student's activations in the backward pass.")
    private boolean checkpointing;

    @Option(names = "--decode", description = "Record the decoding of one token for each sequence instead of a training step.")
    private boolean decode;

    @Option(names = "--json", paramLabel = "FILE", arity = "0..1", fallbackValue = STANDARD_OUTPUT,
            description = "Write JSON to FILE instead of the table; without FILE to standard output.")
    private String json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /**
     * What a recording needs of its device.
     *
     * @param step events of the step
     * @param memory peaks of the memory, models included
     */
    private record Result(List<Event> step, MemoryReplay memory) {}

    @Override
    public Integer call() throws IOException {
        if (!device.equals("recorded")) {
            throw new ParameterException(spec.commandLine(), "--device takes only 'recorded', not '%s'; 'bench gpu' times a step on a device"
                    .formatted(device));
        }
        if (batch < 1 || tokens < 1) {
            throw new ParameterException(spec.commandLine(), "--batch and --tokens must be at least 1");
        }
        GpuModel model = Main.gpuModel(spec, gpu);
        XkdSteps.Size size = size();
        Result result = decode ? decoding(model, size) : training(model, size);
        Prediction prediction = Prediction.of(result.step, model);
        double counted = (double) batch * (decode ? 1 : tokens);
        if (json == null) {
            print(System.out, model, result, prediction, counted);
            if (!decode) {
                System.out.println(checkpointing(model, size));
            }
        } else {
            write(prediction, counted);
        }
        return 0;
    }

    private XkdSteps.Size size() {
        try {
            return XkdSteps.Size.named(config).with(tokens + (decode ? 2 : 0), batch);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /** Records the second step, which has no first-time work. */
    private Result training(GpuModel model, XkdSteps.Size size) {
        Device target = RecordedDevice.of(model);
        Recording recording = RecordedDevice.recording(model);
        int start = recording.size();
        try (var steps = new XkdSteps(target, DType.BF16, size, 2, checkpointing, new AdamW.Storage(true, true, 0))) {
            steps.next();
            int from = recording.size();
            steps.next();
            return new Result(recording.since(from), MemoryReplay.of(recording.since(start)));
        }
    }

    /** Records the second token, because the first one may find tables too short. */
    private Result decoding(GpuModel model, XkdSteps.Size size) {
        Device target = RecordedDevice.of(model);
        Recording recording = RecordedDevice.recording(model);
        int start = recording.size();
        DecoderConfig llama = size.config(Architecture.LLAMA);
        try (var decoder = Decoder.create(llama, new RandomWeights(llama, 1, DType.BF16), target)) {
            List<KeyValueCache> caches = new ArrayList<>();
            try {
                for (int i = 0; i < batch; i++) {
                    caches.add(new KeyValueCache(llama, 1, size.sequence(), target));
                    KeyValueCache cache = caches.getLast();
                    int read = Math.max(1, tokens - 1);
                    logits(target, () -> decoder.nextLogits(Tensor.of(new int[read], 1, read), cache));
                }
                logits(target, () -> decoder.nextLogits(IntStream.range(0, batch).toArray(), caches));
                int from = recording.size();
                logits(target, () -> decoder.nextLogits(IntStream.range(0, batch).toArray(), caches));
                return new Result(recording.since(from), MemoryReplay.of(recording.since(start)));
            } finally {
                caches.forEach(KeyValueCache::close);
            }
        }
    }

    private static void logits(Device target, Supplier<Tensor> forward) {
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(target)) {
                return forward.get().toFloatArray();
            }
        });
    }

    private void print(PrintStream out, GpuModel model, Result result, Prediction prediction, double counted) {
        out.printf(Locale.ROOT, "%s, %s of %d x %d tokens%s, on the figures of an %s; nothing was computed%n", config,
                decode ? "one token of each sequence after a context" : "XKD step", batch, tokens,
                checkpointing ? " with checkpointed activations" : "", model.title());
        out.printf(Locale.ROOT, "%,d kernels, %,d products, %,d copies, %,d memsets, %,d allocations, %,d waits%n%n",
                count(result, Recording.Launch.class), count(result, Recording.Product.class), count(result, Recording.Copy.class),
                count(result, Recording.Fill.class), count(result, Recording.Allocation.class), prediction.waits());
        out.printf("%-44s %8s %10s %12s %9s %9s %s%n", "", "launches", "floor ms", "predicted ms", "GB", "TFLOP", "limit");
        for (Prediction.Row row : prediction.rows()) {
            out.printf(Locale.ROOT, "%-44s %8d %10.3f %12.3f %9.3f %9.3f %s%n", row.kernel(), row.launches(), row.floorSeconds() * 1e3,
                    row.seconds() * 1e3, row.bytes() / 1e9, row.operations() / 1e12, row.limit());
        }
        out.printf(Locale.ROOT, "%nfloor %.1f ms, predicted %.1f ms (the host's calls take %.1f ms), %.1f tokens/s%n",
                prediction.floorSeconds() * 1e3, prediction.seconds() * 1e3, prediction.hostSeconds() * 1e3, counted / prediction.seconds());
        MemoryReplay memory = result.memory;
        out.printf(Locale.ROOT, "memory: %.2f GiB of tensors at the peak; the blocks need %.2f GiB of addresses (%+.1f %%) and at least %.2f GiB of "
                        + "memory (%+.1f %%); the device has %.2f GiB%n", memory.liveBytes() / GIB, memory.extentBytes() / GIB,
                more(memory.extentBytes(), memory), memory.chunkBytes() / GIB, more(memory.chunkBytes(), memory), model.memoryBytes() / GIB);
    }

    private static double more(long bytes, MemoryReplay than) {
        return 100.0 * bytes / than.liveBytes() - 100;
    }

    /** Says whether activation checkpointing pays at this size. */
    private String checkpointing(GpuModel model, XkdSteps.Size size) {
        DecoderConfig teacher = size.config(Architecture.ORION);
        var plan = new StepPlan(teacher, StepPlan.bytesByConfig(teacher), size.config(Architecture.LLAMA), ParameterSelection.parse("all"), batch, 1,
                tokens, checkpointing, StepPlan.Precision.on(RecordedDevice.of(model), DType.BF16, true), GradientReduction.TREE,
                StepPlan.Shares.ONE, 0);
        int from = plan.checkpointingPaysFrom();
        return String.format(Locale.ROOT, "--checkpoint-activations saves %.2f GiB at the peak and takes %.0f %% more operations; %s",
                plan.savedByCheckpointing() / GIB, 100 * plan.addedByCheckpointing(), from == 0 ? "it does not pay" : "it pays from --batch "
                + from + " on");
    }

    private static long count(Result result, Class<? extends Event> kind) {
        return result.step.stream().filter(kind::isInstance).count();
    }

    private void write(Prediction prediction, double counted) throws IOException {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("floor_ms", prediction.floorSeconds() * 1e3);
        values.put("predicted_ms", prediction.seconds() * 1e3);
        values.put("tokens_per_second", counted / prediction.seconds());
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Prediction.Row row : prediction.rows()) {
            Map<String, Object> of = new LinkedHashMap<>();
            of.put("kernel", row.kernel());
            of.put("launches", row.launches());
            of.put("floor_ms", row.floorSeconds() * 1e3);
            of.put("predicted_ms", row.seconds() * 1e3);
            of.put("bytes", row.bytes());
            of.put("operations", row.operations());
            of.put("limit", row.limit());
            rows.add(of);
        }
        values.put("rows", rows);
        String text = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(values) + "\n";
        if (json.equals(STANDARD_OUTPUT)) {
            System.out.print(text);
        } else {
            Files.writeString(Path.of(json), text);
        }
    }
}

package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import kept.bench.recording.GpuModel;
import kept.bench.recording.MemoryReplay;
import kept.bench.recording.Prediction;
import kept.bench.recording.RecordedDevice;
import kept.bench.recording.Recording;
import kept.bench.recording.Recording.Event;
import kept.bench.recording.Recording.Launch;
import kept.bench.recording.Recording.Product;
import kept.cuda.VirtualCudaProvider;
import kept.model.Architecture;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.GradientReduction;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A recorded step makes the calls of a computed one, and its work is that of the formulas. */
class StepBenchmarkTest {
    private static final AdamW.Storage STORAGE = new AdamW.Storage(true, true, 0);
    private static final GpuModel GPU = GpuModel.H200;

    @TempDir
    private Path directory;

    /** Records the second step, and all events from the first allocation on. */
    private static List<List<Event>> record(XkdSteps.Size size, boolean checkpointing) {
        Recording recording = RecordedDevice.recording(GPU);
        RecordedDevice.of(GPU).backend().trim();
        int start = recording.size();
        try (var steps = new XkdSteps(RecordedDevice.of(GPU), DType.BF16, size, 2, checkpointing, STORAGE)) {
            steps.next();
            int from = recording.size();
            steps.next();
            return List.of(recording.since(from), recording.since(start));
        }
    }

    @Test
    void aRecordedStepLaunchesTheKernelsOfAComputedOne() {
        var size = new XkdSteps.Size(64, 2, 1, 96, 128, 32, 2);
        List<Event> recorded = record(size, true).getFirst();
        var gpu = VirtualCudaProvider.gpu();
        try (var steps = new XkdSteps(Device.of("virtual"), DType.BF16, size, 2, true, STORAGE)) {
            steps.next();
            int before = gpu.launches();
            steps.next();
            assertThat(recorded.stream().filter(Launch.class::isInstance).count()).isEqualTo(gpu.launches() - before);
        }
        assertThat(gpu.kernels()).containsAll(recorded.stream().filter(Launch.class::isInstance).map(event -> ((Launch) event).kernel()).toList());
    }

    /** Eight operations for each element of a matrix and token: forward of both models, and two products for each in the backward pass. */
    @Test
    void theProductsOfOrion14bHaveTheOperationsOfItsMatricesAndItsMemoryIsThePlanned() {
        XkdSteps.Size size = XkdSteps.Size.named("orion-14b");
        List<List<Event>> events = record(size, false);
        double matrices = 40.0 * (4.0 * 5120 * 5120 + 3.0 * 5120 * 15360) + 84608.0 * 5120;
        double operations = events.getFirst().stream().filter(Product.class::isInstance).map(Product.class::cast)
                .mapToDouble(product -> 2.0 * product.m() * product.n() * product.k() * product.batch()).sum();
        assertThat(operations).isCloseTo(8 * matrices * 4096, Percentage.withPercentage(1e-6));

        var teacher = size.config(Architecture.ORION);
        var plan = new StepPlan(teacher, 2 * StepPlan.bytesByConfig(teacher) / teacher.dtype().bytes(), teacher.toLlama(),
                ParameterSelection.parse("all"), 1, 1, 4096, false, StepPlan.Precision.on(RecordedDevice.of(GPU), DType.BF16, true),
                GradientReduction.TREE, StepPlan.Shares.ONE, 0);
        MemoryReplay memory = MemoryReplay.of(events.getLast());
        assertThat((double) memory.liveBytes()).isCloseTo(plan.peakBytes(), Percentage.withPercentage(1));
        assertFits(memory);

        // AdamW reads its words once, though in two accesses that share sectors: one and a half times as many as there are.
        Prediction.Row adamW = Prediction.of(events.getFirst(), GPU).rows().stream()
                .filter(row -> row.kernel().equals("adamw_coded_bf16_bf16")).findFirst().orElseThrow();
        assertThat(adamW.seconds()).isLessThan(1.5 * adamW.bytes() / GPU.copyBandwidth());
    }

    /** With at most 5 % beside the tensors: the addresses of blocks that never move, and the memory that the backend has mapped to them. */
    private static void assertFits(MemoryReplay memory) {
        assertThat((double) memory.extentBytes()).isBetween((double) memory.liveBytes(), 1.05 * memory.liveBytes());
        assertThat((double) memory.chunkBytes()).isBetween((double) memory.liveBytes(), 1.05 * memory.liveBytes());
        assertThat((double) RecordedDevice.of(GPU).memoryUsage().reserved()).isBetween((double) memory.liveBytes(), 1.05 * memory.liveBytes());
    }

    @Test
    void recomputedActivationsFitTheMemoryAsWell() {
        assertFits(MemoryReplay.of(record(XkdSteps.Size.named("orion-14b"), true).getLast()));
        // Of two sequences the holes are larger, but their memory can be used elsewhere.
        MemoryReplay ofTwo = MemoryReplay.of(record(XkdSteps.Size.named("orion-14b").with(4096, 2), true).getLast());
        assertThat((double) ofTwo.chunkBytes()).isBetween((double) ofTwo.liveBytes(), 1.05 * ofTwo.liveBytes());
    }

    /** Gradients are rounded by the kernels that compute them, and none is copied; a layer is recomputed without the projection that ends it. */
    @Test
    void aStepHasFewCastsNoCopiesAndRecomputesWhatIsRead() {
        XkdSteps.Size size = XkdSteps.Size.named("M");
        List<Event> kept = record(size, false).getFirst();
        List<Event> again = record(size, true).getFirst();
        for (List<Event> events : List.of(kept, again)) {
            assertThat(events).noneMatch(event -> event instanceof Recording.Copy copy && copy.direction() == Recording.Direction.ON_DEVICE);
            // The gradient of the values, and a few for the loss and the first and last layer.
            assertThat(launches(events, "cast_f32_to_bf16")).isBetween((long) size.layers(), size.layers() + 10L);
            assertThat(launches(events, "add_rms_norm_gradient_f32")).isEqualTo(2L * size.layers());
            assertThat(launches(events, "add_f32")).isZero();
            assertThat(launches(events, "swiglu_rounded_wide_bf16")).isEqualTo(size.layers());
            assertThat(launches(events, "rotary_wide_f32_to_bf16")).isEqualTo(2L * size.layers());
        }
        assertThat(products(again) - products(kept)).as("queries, keys, values, output, gate and up").isEqualTo(6L * size.layers());
    }

    private static long launches(List<Event> events, String kernel) {
        return events.stream().filter(event -> event instanceof Launch launch && launch.kernel().equals(kernel)).count();
    }

    private static long products(List<Event> events) {
        return events.stream().filter(Product.class::isInstance).count();
    }

    @Test
    void theJsonHasTheSumsAndARowForEachKernel() throws IOException {
        JsonNode json = json("--config", "S", "--device", "recorded", "--batch", "2", "--tokens", "64", "--checkpoint-activations");
        assertThat(json.fieldNames()).toIterable().containsExactly("floor_ms", "predicted_ms", "tokens_per_second", "rows");
        double floor = 0;
        for (JsonNode row : json.get("rows")) {
            floor += row.get("floor_ms").asDouble();
            assertThat(row.get("predicted_ms").asDouble()).as("%s", row).isGreaterThanOrEqualTo(row.get("floor_ms").asDouble());
        }
        assertThat(json.get("floor_ms").asDouble()).isCloseTo(floor, Offset.offset(1e-9)).isPositive();
        assertThat(json.get("tokens_per_second").asDouble())
                .isCloseTo(128 / json.get("predicted_ms").asDouble() * 1e3, Percentage.withPercentage(1e-6));
        assertThat(json.get("rows")).extracting(row -> row.get("kernel").asText())
                .contains("adamw_coded_bf16_bf16", "product bf16 128x256x768").doesNotHaveDuplicates();
    }

    /** The caches of several sequences are read and extended by one launch for each layer, and no result is copied. */
    @Test
    void decodingOfSeveralSequencesTakesTheLaunchesOfOne() throws IOException {
        JsonNode one = json("--config", "orion-14b", "--decode");
        JsonNode four = json("--config", "orion-14b", "--decode", "--batch", "4");
        for (JsonNode step : List.of(one, four)) {
            assertThat(step.get("predicted_ms").asDouble()).isLessThan(1.3 * step.get("floor_ms").asDouble());
        }
        assertThat(launchesByKernel(four)).isEqualTo(launchesByKernel(one));
        assertThat(bytesOfAttention(four)).isEqualTo(4 * bytesOfAttention(one));
    }

    private static double bytesOfAttention(JsonNode step) {
        double bytes = 0;
        for (JsonNode row : step.get("rows")) {
            bytes += row.get("kernel").asText().startsWith("attention_split") ? row.get("bytes").asDouble() : 0;
        }
        return bytes;
    }

    /** Launches of kernels; those of products differ by their shapes. */
    private static Map<String, Integer> launchesByKernel(JsonNode step) {
        Map<String, Integer> launches = new TreeMap<>();
        for (JsonNode row : step.get("rows")) {
            String kernel = row.get("kernel").asText();
            if (!kernel.startsWith("product") && !kernel.startsWith("copy")) {
                launches.put(kernel, row.get("launches").asInt());
            }
        }
        return launches;
    }

    @Test
    void decodingReadsEveryMatrixOnce() throws IOException {
        JsonNode json = json("--config", "L", "--decode", "--tokens", "16");
        double bytes = 0;
        for (JsonNode row : json.get("rows")) {
            bytes += row.get("kernel").asText().startsWith("product") ? row.get("bytes").asDouble() : 0;
        }
        assertThat(bytes).isCloseTo(2 * (16 * (4.0 * 1024 * 1024 + 3.0 * 1024 * 3072) + 32000.0 * 1024), Percentage.withPercentage(1));
    }

    @Test
    void otherDevicesAndUnknownNamesAreWrongUsage() {
        assertThat(refused("--device", "cuda")).contains("--device takes only 'recorded', not 'cuda'");
        assertThat(refused("--gpu", "h300")).contains("Unknown GPU 'h300' for --gpu: h200, h100, a100-80gb, rtx-4090");
        assertThat(refused("--config", "XL")).contains("unknown size XL; --config takes S, M, L or orion-14b");
        assertThat(refused("--tokens", "0")).contains("--batch and --tokens must be at least 1");
    }

    private JsonNode json(String... arguments) throws IOException {
        Path file = directory.resolve("step.json");
        var commandLine = new CommandLine(new StepBenchmark());
        String[] all = Stream.concat(Arrays.stream(arguments), Stream.of("--json=" + file))
                .toArray(String[]::new);
        assertThat(commandLine.execute(all)).isZero();
        return new ObjectMapper().readTree(file.toFile());
    }

    private static String refused(String... arguments) {
        var error = new StringWriter();
        assertThat(new CommandLine(new StepBenchmark()).setErr(new PrintWriter(error)).execute(arguments)).isEqualTo(2);
        return error.toString();
    }
}

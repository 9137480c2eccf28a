package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.bench.recording.GpuModel;
import kept.bench.recording.RecordedDevice;
import kept.bench.recording.Recording;
import kept.bench.recording.Recording.Launch;
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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** {@code bench gpu} times every kernel that a training step or a decoded token of Orion-14B launches. */
class GpuCasesTest {
    private static final GpuModel GPU = GpuModel.H200;
    private static final int CONTEXT = 4096;

    private static final Set<String> CASES = new TreeSet<>();

    @BeforeAll
    static void record() {
        var times = new PredictedTimes(GPU);
        CountedCases.visit(CountedCases.Sizes.ORION, (_, operations) -> {
            try (var _ = Scope.open(times.device())) {
                operations.apply(times.device().backend()).forEach(operation -> CASES.addAll(times.of(operation).kernels()));
            }
        });
    }

    private static Set<String> kernels(Runnable work) {
        Recording recording = RecordedDevice.recording(GPU);
        int from = recording.size();
        work.run();
        Set<String> kernels = new TreeSet<>();
        recording.since(from).stream().filter(Launch.class::isInstance).forEach(event -> kernels.add(((Launch) event).kernel()));
        return kernels;
    }

    @Test
    void everyKernelOfATrainingStepHasACase() {
        for (boolean checkpointing : new boolean[] {false, true}) {
            var size = XkdSteps.Size.named("orion-14b");
            try (var steps = new XkdSteps(RecordedDevice.of(GPU), DType.BF16, size, 2, checkpointing, new AdamW.Storage(true, true, 0))) {
                steps.next();
                assertThat(kernels(steps::next)).hasSizeGreaterThan(20).isSubsetOf(CASES);
            }
        }
    }

    @Test
    void everyKernelOfADecodedTokenHasACase() {
        Device device = RecordedDevice.of(GPU);
        for (Architecture architecture : new Architecture[] {Architecture.LLAMA, Architecture.ORION}) {
            DecoderConfig config = XkdSteps.Size.named("orion-14b").with(CONTEXT + 2, 1).config(architecture);
            try (var decoder = Decoder.create(config, new RandomWeights(config, 1, DType.BF16), device);
                    var one = new KeyValueCache(config, 1, CONTEXT + 2, device); var other = new KeyValueCache(config, 1, CONTEXT + 2, device)) {
                for (KeyValueCache cache : List.of(one, other)) {
                    run(device, () -> decoder.nextLogits(Tensor.of(new int[CONTEXT], 1, CONTEXT), cache));
                }
                for (List<KeyValueCache> caches : List.of(List.of(one), List.of(one, other))) {
                    int[] ids = IntStream.range(0, caches.size()).toArray();
                    assertThat(kernels(() -> run(device, () -> decoder.nextLogits(ids, caches)))).as("%s, %d sequences", architecture, caches.size())
                            .hasSizeGreaterThan(8).isSubsetOf(CASES);
                }
            }
        }
    }

    private static void run(Device device, Supplier<Tensor> forward) {
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                return forward.get().toFloatArray();
            }
        });
    }
}

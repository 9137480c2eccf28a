package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import kept.backend.DistillationObjective;
import kept.corpus.TokenSequences;
import kept.cuda.VirtualCudaProvider;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.Distillation;
import kept.training.GradientReduction;
import kept.training.ParameterSelection;
import kept.training.StepMetrics;
import kept.training.StepPlan;
import kept.training.Trainer;
import kept.training.TrainingOptions;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** Trains a tiny model on the virtual GPU the way a 14B student is trained on one GPU: BF16 throughout, 8-bit moments, activation checkpointing. */
class VirtualGpuLowPrecisionTest {
    private static final int LENGTH = 64;
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(512).hiddenSize(128).intermediateSize(320)
            .layers(2).heads(2).keyValueHeads(1).headDimension(64).maxPositions(LENGTH).dtype(DType.BF16).initializerRange(0.1).build();
    private static final AdamW.Storage STORAGE = new AdamW.Storage(true, true, 7);

    /** Metrics of two steps, and their peak memory in bytes. */
    private record Run(StepMetrics first, StepMetrics second, long bytes) {}

    @Test
    void stepsOnTensorCoresAgreeWithTheCpuAndTakeThePlannedMemory() {
        Run cpu = run(Device.cpu(), 2, 1);
        Device device = Device.of("virtual");
        VirtualCudaProvider.gpu().forgetKernels();
        Run gpu = run(device, 2, 1);
        assertThat(gpu.first.loss()).isCloseTo(cpu.first.loss(), Percentage.withPercentage(2));
        assertThat(gpu.first.gradientNorm()).isCloseTo(cpu.first.gradientNorm(), Percentage.withPercentage(3));
        assertThat(gpu.second.loss()).isLessThan(gpu.first.loss()).isCloseTo(cpu.second.loss(), Percentage.withPercentage(5));
        assertThat(VirtualCudaProvider.gpu().kernels()).contains("attention_64_bf16", "swiglu_wide_bf16")
                .noneMatch(name -> name.startsWith("attention_f"));

        assertPlanned(device, 2, 1, gpu);
        assertPlanned(device, 1, 2, run(device, 1, 2));
    }

    private static void assertPlanned(Device device, int batch, int accumulation, Run run) {
        var precision = StepPlan.Precision.on(device, DType.BF16, true);
        var plan = new StepPlan(ORION, StepPlan.bytesByConfig(ORION), ORION.toLlama(), ParameterSelection.parse("all"), batch, accumulation, LENGTH,
                true, precision, GradientReduction.TREE, StepPlan.Shares.ONE, 0);
        assertThat(plan.peakBytes() / (double) run.bytes).as("%,d bytes planned, %,d measured", plan.peakBytes(), run.bytes).isBetween(0.97, 1.03);
    }

    private static Run run(Device device, int batch, int accumulation) {
        var schedule = new LearningRateSchedule.Constant(1e-3, 0);
        var options = new TrainingOptions(2, batch, accumulation, LENGTH, schedule, AdamW.Settings.DEFAULT, 1, STORAGE);
        DecoderConfig llama = ORION.toLlama();
        long before = device.memoryUsage().inUse();
        device.backend().resetPeakMemory();
        try (Decoder teacher = Decoder.create(ORION, new RandomWeights(ORION, 1, DType.BF16), device);
                Decoder student = Decoder.create(llama, new RandomWeights(llama, 2, DType.BF16), device)) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            student.setActivationCheckpointing(true);
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            try (var trainer = new Trainer(student, objective, new SameTokens(), options)) {
                StepMetrics first = trainer.next();
                return new Run(first, trainer.next(), device.memoryUsage().peakInUse() - before);
            }
        }
    }

    /** Returns the same sequences for each step. */
    private static final class SameTokens implements TokenSequences {
        @Override
        public int[] next(int batch) {
            return new SplittableRandom(0).ints((long) batch * (LENGTH + 1), 0, ORION.vocabSize()).toArray();
        }

        @Override
        public long position() {
            return 0;
        }

        @Override
        public void seek(long target) {}
    }
}

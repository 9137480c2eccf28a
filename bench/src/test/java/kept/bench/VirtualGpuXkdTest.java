package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.Distillation;
import kept.training.TrainingBatch;
import kept.training.TrainingObjective;
import kept.weights.TensorEntry;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/**
 * XKD steps through the CUDA backend and its PTX on the virtual GPU: with f32 weights they equal PyTorch's, with bf16 weights they agree with the
 * CPU's within the precision of bf16. The test is in this module because no other one depends on both the models and the CUDA backend.
 */
class VirtualGpuXkdTest {
    private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);

    /** The virtual GPU, or the device that {@code -Dkept.test.device} names. */
    private static Device gpu() {
        return Device.of(System.getProperty("kept.test.device", "virtual"));
    }

    /** Results of a step: loss, norm of the gradients before clipping, gradients and updated parameters. */
    private record Step(double loss, double norm, Map<String, float[]> gradients, Map<String, float[]> parameters) {}

    @Test
    void threeStepsEqualPyTorchs() {
        Device device = gpu();
        try (var golden = SafetensorsFile.open(file("expected.safetensors"));
                Decoder teacher = model("teacher", DType.F32, device);
                Decoder student = model("student", DType.F32, device)) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            try (var optimizer = new AdamW(student.parameters(), SETTINGS, AdamW.Decay.ALL)) {
                Step last = null;
                for (int i = 0; i < 3; i++) {
                    last = step(device, golden, i, student, objective, optimizer);
                    assertThat(last.loss).isCloseTo(floats(golden, "loss." + i)[0], Percentage.withPercentage(1e-3));
                    assertThat(last.norm).isCloseTo(floats(golden, "grad_norm." + i)[0], Percentage.withPercentage(1e-2));
                    if (i == 0) {
                        last.gradients.forEach((name, actual) ->
                                assertThat(distance(actual, floats(golden, "grad." + name))).as(name).isLessThan(1e-4));
                    }
                }
                last.parameters.forEach((name, actual) ->
                        assertThat(actual).as(name).usingComparatorWithPrecision(1e-5f).containsExactly(floats(golden, "after." + name)));
            }
        }
    }

    @Test
    void aStepWithBf16WeightsAgreesWithTheCpu() {
        for (Divergence divergence : Divergence.values()) {
            Step cpu = bf16Step(Device.cpu(), divergence);
            Step gpu = bf16Step(gpu(), divergence);
            assertThat(gpu.loss).as("loss, %s", divergence).isCloseTo(cpu.loss, Percentage.withPercentage(2));
            gpu.gradients.forEach((name, gradient) ->
                    assertThat(distance(gradient, cpu.gradients.get(name))).as("gradient of %s, %s", name, divergence).isLessThan(0.05));
        }
    }

    private static Step bf16Step(Device device, Divergence divergence) {
        try (var golden = SafetensorsFile.open(file("expected.safetensors"));
                Decoder teacher = model("teacher", DType.BF16, device);
                Decoder student = model("student", DType.BF16, device)) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, new DistillationObjective(divergence, 1, 0));
            try (var optimizer = new AdamW(student.parameters(), SETTINGS, AdamW.Decay.ALL)) {
                return step(device, golden, 0, student, objective, optimizer);
            }
        }
    }

    private static Step step(Device device, SafetensorsFile golden, int number, Decoder student, TrainingObjective objective, AdamW optimizer) {
        double value;
        try (var _ = Scope.open(device)) {
            TrainingObjective.Loss loss = objective.loss(student, new TrainingBatch(tensor(golden, "input_ids." + number), null, 0));
            value = loss.value().item();
            loss.value().backward();
        }
        Map<String, float[]> gradients = new LinkedHashMap<>();
        student.parameters().forEach((name, parameter) -> gradients.put(name, parameter.gradient().toFloatArray()));
        GradientClipping clipping = GradientClipping.globalNorm(student.parameters().values(), 1.0);
        optimizer.step(1e-3, clipping.scale());
        optimizer.clearGradients();
        Map<String, float[]> parameters = new LinkedHashMap<>();
        for (Map.Entry<String, Parameter> entry : student.parameters().entrySet()) {
            parameters.put(entry.getKey(), entry.getValue().value().toFloatArray());
        }
        return new Step(value, clipping.norm(), gradients, parameters);
    }

    /** Norm of the difference relative to the norm of the expected values. */
    private static double distance(float[] actual, float... expected) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }

    private static Decoder model(String name, DType dtype, Device device) {
        DecoderConfig config = DecoderConfig.read(file(name + ".config.json"));
        try (var weights = SafetensorsFile.open(file(name + ".safetensors"))) {
            return Decoder.create(config, (tensor, shape) ->
                Tensor.from(weights.data(tensor), weights.entry(tensor).dtype(), shape).cast(dtype), device);
        }
    }

    private static Tensor tensor(SafetensorsFile file, String name) {
        TensorEntry entry = file.entry(name);
        return Tensor.from(file.data(name), entry.dtype(), entry.shape());
    }

    private static float[] floats(SafetensorsFile file, String name) {
        try (var _ = Scope.open(Device.cpu())) {
            return tensor(file, name).toFloatArray();
        }
    }

    private static Path file(String name) {
        try {
            return Path.of(VirtualGpuXkdTest.class.getResource("/fixtures/xkd/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}

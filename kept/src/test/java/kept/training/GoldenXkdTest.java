package kept.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import kept.Fixtures;
import kept.backend.DistillationObjective;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.safetensors.SafetensorsFile;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.Test;

/** Three XKD steps in PyTorch, reproduced: losses, gradients, their norm, and the parameters after them. */
class GoldenXkdTest {
    private static final Path DIRECTORY = Fixtures.path("xkd");

    @Test
    void threeStepsAreThoseOfPyTorch() {
        try (var golden = SafetensorsFile.open(DIRECTORY.resolve("expected.safetensors"));
                Decoder teacher = model("teacher");
                Decoder student = model("student")) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            try (var optimizer = new AdamW(student.parameters(), new AdamW.Settings(0.9, 0.95, 1e-8, 0.1), AdamW.Decay.ALL)) {
                for (int step = 0; step < 3; step++) {
                    step(step, golden, student, objective, optimizer);
                }
            }
            for (Map.Entry<String, Parameter> entry : student.parameters().entrySet()) {
                assertThat(entry.getValue().value().toFloatArray())
                        .as(entry.getKey())
                        .usingComparatorWithPrecision(1e-5f)
                        .containsExactly(floats(golden, "after." + entry.getKey()));
            }
        }
    }

    private static void step(int step, SafetensorsFile golden, Decoder student, Distillation objective, AdamW optimizer) {
        try (var _ = Scope.open()) {
            TrainingObjective.Loss loss = objective.loss(student, new TrainingBatch(tensor(golden, "input_ids." + step), null, 0));
            assertRelative(loss.value().item(), floats(golden, "loss." + step)[0], 1e-5);
            assertThat(loss.divergence()).isEqualTo(loss.value().item());
            loss.value().backward();
        }
        if (step == 0) {
            student.parameters().forEach((name, parameter) -> assertGradient(name, parameter, floats(golden, "grad." + name)));
        }
        GradientClipping clipping = GradientClipping.globalNorm(student.parameters().values(), 1.0);
        assertRelative(clipping.norm(), floats(golden, "grad_norm." + step)[0], 1e-4);
        optimizer.step(1e-3, clipping.scale());
        optimizer.clearGradients();
    }

    private static void assertGradient(String name, Parameter parameter, float... expected) {
        float[] actual = parameter.gradient().toFloatArray();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        assertThat(Math.sqrt(difference / norm)).as(name).isLessThan(1e-4);
    }

    private static void assertRelative(double actual, double expected, double tolerance) {
        assertThat(Math.abs(actual - expected) / expected).isLessThan(tolerance);
    }

    private static Decoder model(String name) {
        DecoderConfig config = DecoderConfig.read(DIRECTORY.resolve(name + ".config.json"));
        try (var weights = SafetensorsFile.open(DIRECTORY.resolve(name + ".safetensors"))) {
            return Decoder.create(config, (tensor, shape) -> Tensor.from(weights.data(tensor), weights.entry(tensor).dtype(), shape), Device.cpu());
        }
    }

    private static Tensor tensor(SafetensorsFile file, String name) {
        TensorEntry entry = file.entry(name);
        return Tensor.from(file.data(name), entry.dtype(), entry.shape());
    }

    private static float[] floats(SafetensorsFile file, String name) {
        try (var _ = Scope.open()) {
            return tensor(file, name).toFloatArray();
        }
    }
}

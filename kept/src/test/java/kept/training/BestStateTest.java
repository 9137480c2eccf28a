package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.io.FileException;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BestStateTest {
    private static final int LENGTH = 8;
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.LLAMA).vocabSize(40).hiddenSize(16).intermediateSize(24)
            .layers(2).heads(2).keyValueHeads(2).headDimension(8).maxPositions(32).initializerRange(0.3).build();

    @TempDir
    private Path directory;
    private final Weights start = new RandomWeights(CONFIG, 2);
    private Decoder teacher;
    private Decoder student;
    private BestState best;

    @BeforeEach
    void prepare() {
        teacher = Decoder.create(CONFIG, new RandomWeights(CONFIG, 1), Device.cpu());
        student = Decoder.create(CONFIG, start, Device.cpu());
        student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        student.parameters().get("model.norm.weight").setTrainable(false);
        best = state(DType.BF16);
    }

    @AfterEach
    void close() {
        student.close();
        teacher.close();
    }

    private BestState state(DType stored) {
        int[] ids = new SplittableRandom(3).ints(4 * (LENGTH + 1), 0, CONFIG.vocabSize()).toArray();
        return new BestState(TeacherLogits.of(teacher), student, new TextEvaluation("text", ids, LENGTH), new StoredRounding(student, stored), start,
                directory.resolve("best.safetensors"));
    }

    @Test
    void theStudentIsEvaluatedAsItIsStoredAndKeepsItsBits() {
        move(0.1);
        Map<String, float[]> exact = values();
        HeldOutResult evaluated = best.evaluate(0, 0);
        assertThat(values()).usingRecursiveComparison().isEqualTo(exact);
        double inFloats = state(DType.F32).evaluate(0, 0).klMean();
        new StoredRounding(student, DType.BF16).roundAll();
        assertThat(values()).usingRecursiveComparison().isNotEqualTo(exact);
        assertThat(evaluated.klMean()).isEqualTo(state(DType.F32).evaluate(0, 0).klMean()).isNotEqualTo(inFloats).isCloseTo(inFloats, within(0.1));
    }

    @Test
    void theBestStateIsTakenUpWhereverItWas() {
        best.evaluate(0, 0);
        nearer(0.5);
        HeldOutResult middle = best.evaluate(4, 64);
        Map<String, float[]> stored = new StoredRounding(student, DType.BF16).during(this::values);
        stored.put("model.norm.weight", values("model.norm.weight"));
        nearer(-1);
        assertThat(best.evaluate(8, 128).klMean()).isGreaterThan(middle.klMean());
        assertThat(best.takeUp()).isEqualTo(middle);
        assertThat(values()).usingRecursiveComparison().isEqualTo(stored);
        assertThat(state(DType.BF16).evaluate(0, 0).klMean()).isEqualTo(middle.klMean());
        assertThat(best.curve().resultsSinceBest()).isEqualTo(1);
    }

    @Test
    void whereNothingHelpedTheStartIsTakenUp() {
        Map<String, float[]> rounded = new StoredRounding(student, DType.BF16).during(this::values);
        rounded.put("model.norm.weight", values("model.norm.weight"));
        HeldOutResult first = best.evaluate(0, 0);
        nearer(-0.5);
        assertThat(best.evaluate(2, 32).klMean()).isGreaterThan(first.klMean());
        assertThat(directory).isEmptyDirectory();
        assertThat(best.takeUp()).isEqualTo(first);
        assertThat(values()).usingRecursiveComparison().isEqualTo(rounded);
    }

    @Test
    void aFileOfAnotherStepIsRefused() {
        best.evaluate(0, 0);
        nearer(0.5);
        best.evaluate(4, 64);
        var resumed = state(DType.BF16);
        resumed.restore(new HeldOutCurve(List.of(new HeldOutResult(0, 0, 1, 0), new HeldOutResult(2, 32, 0.5, 0.5))));
        assertThatThrownBy(resumed::takeUp).isInstanceOf(FileException.class).hasMessageContaining("best.safetensors")
                .hasMessageContaining("is of step 4, but the best was step 2");
    }

    @Test
    void amongEqualsTheEarlierIsBetterAndNoNumberIsWorst() {
        HeldOutCurve curve = curve(Double.NaN, 0.5, 0.25, 0.25, Double.NaN);
        assertThat(curve.best().step()).isEqualTo(2);
        assertThat(curve.resultsSinceBest()).isEqualTo(2);
        assertThat(curve.isImprovedBy(new HeldOutResult(5, 0, 0.25, 0))).isFalse();
        assertThat(curve.isImprovedBy(new HeldOutResult(5, 0, Math.nextDown(0.25), 0))).isTrue();
        assertThat(curve.isImprovedBy(new HeldOutResult(5, 0, Double.NaN, 0))).isFalse();
        assertThat(curve(Double.NaN, 3).best().step()).isEqualTo(1);
    }

    @Test
    void trainingHelpedUntilNothingLaterIsMuchBetter() {
        assertThat(curve(1, 0.5, 0.102, 0.101, 0.1).helpedUntil(0.02).step()).isEqualTo(2);
        assertThat(curve(1, 0.5, 0.103, 0.101, 0.1).helpedUntil(0.02).step()).isEqualTo(3);
        assertThat(curve(0.1, 0.5).helpedUntil(0.02).step()).isZero();
        assertThat(curve(1, -1e-9).helpedUntil(0.02).step()).isEqualTo(1);
    }

    private static HeldOutCurve curve(double... divergences) {
        HeldOutCurve curve = HeldOutCurve.EMPTY;
        for (int i = 0; i < divergences.length; i++) {
            curve = curve.with(new HeldOutResult(i, 16L * i, divergences[i], 0.5));
        }
        return curve;
    }

    /** Moves the trained parameters a part of the way to the teacher's. */
    private void nearer(double share) {
        trained((name, parameter) -> {
            Tensor way = teacher.parameters().get(name).value().detach().sub(parameter.value().detach());
            parameter.value().assign(parameter.value().detach().add(way.mul(share)));
        });
    }

    /** Gives the trained parameters digits that bf16 has not. */
    private void move(double share) {
        trained((_, parameter) -> parameter.value().assign(parameter.value().detach().mul(1 + share)));
    }

    private void trained(BiConsumer<String, Parameter> change) {
        student.parameters().forEach((name, parameter) -> {
            if (parameter.isTrainable()) {
                try (var _ = Scope.open(Device.cpu())) {
                    change.accept(name, parameter);
                }
            }
        });
    }

    private Map<String, float[]> values() {
        Map<String, float[]> values = new LinkedHashMap<>();
        student.parameters().keySet().forEach(name -> values.put(name, values(name)));
        return values;
    }

    private float[] values(String name) {
        return student.parameters().get(name).value().toFloatArray();
    }
}

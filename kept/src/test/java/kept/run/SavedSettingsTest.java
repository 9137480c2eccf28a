package kept.run;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.Fixtures;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.io.JsonObject;
import kept.io.SettingDifferences;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.training.GradientReduction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Saved settings, now and as former versions wrote them. */
class SavedSettingsTest {
    private static final List<RopeScaling> SCALINGS = List.of(new RopeScaling.None(), new RopeScaling.Linear(2), new RopeScaling.DynamicNtk(2, 64),
            new RopeScaling.Llama3(8, 1, 4, 64), new RopeScaling.Yarn(4, 64, 32, 1, 1, true),
            new RopeScaling.LongRope(Collections.nCopies(4, 1.5), Collections.nCopies(4, 2.5), 64, 1));
    private static final List<LearningRateSchedule> SCHEDULES =
            List.of(new LearningRateSchedule.Constant(1, 2), new LearningRateSchedule.Cosine(1e-3, 2, 40, 0.1));

    @Test
    void theSettingsOfAFormerVersionAreThoseThatAreSavedNow() {
        Map<String, String> former = former();
        assertThat(SettingDifferences.names(former, settings(1e-3))).isEmpty();
        Map<String, String> other = settings(2e-3);
        List<String> names = SettingDifferences.names(former, other);
        assertThat(SettingDifferences.inWords(names, former, other)).isEqualTo("learning rate, peak was 0.001, is 0.002");
    }

    @Test
    void everySettingHasAPlainValue() {
        Map<String, String> settings = settings(1e-3);
        SavedSettings.put(settings, "constant", new LearningRateSchedule.Constant(1, 2));
        for (RopeScaling scaling : SCALINGS) {
            SavedSettings.put(settings, "with " + scaling.getClass().getSimpleName(), config().toBuilder().ropeScaling(scaling).build());
        }
        assertThat(settings).containsEntry("teacher, layers", "2").containsEntry("with Yarn, ropeScaling", "yarn")
                .containsEntry("with Yarn, ropeScaling, betaFast", "32.0").containsEntry("learning rate", "cosine");
        assertThat(settings.values()).allMatch(value -> value.matches("[\\w.-]+|\\[[\\d., ]*]"));
    }

    /** A component that is added to a record shapes the result, so it is saved; else a run could be resumed with another value of it. */
    @ParameterizedTest
    @MethodSource("records")
    void everyComponentIsSaved(Record record, Map<String, String> saved) {
        // An alternative of a sealed type is saved as its name and its components; a record without alternatives as its components.
        int names = record.getClass().getInterfaces().length;
        assertThat(parts(saved)).as(saved.toString()).hasSize(record.getClass().getRecordComponents().length + names);
    }

    static Stream<Arguments> records() {
        List<Arguments> records = new ArrayList<>();
        // Components that every model had in common formerly are saved where they differ from that.
        records.add(saved(DecoderConfig.builder(Architecture.STABLELM).vocabSize(160).hiddenSize(32).intermediateSize(48).layers(2).heads(4)
                .rotaryDimension(2).activation(Activation.GELU).attentionBias(true).attentionOutputBias(false).build(), SavedSettings::put));
        for (RopeScaling scaling : SCALINGS) {
            Map<String, String> all = new LinkedHashMap<>();
            SavedSettings.put(all, "record", config().toBuilder().ropeScaling(scaling).build());
            Map<String, String> part = new LinkedHashMap<>();
            all.forEach((name, value) -> {
                if (name.startsWith("record, ropeScaling")) {
                    part.put(name.replace("record, ropeScaling", "record"), value);
                }
            });
            records.add(Arguments.of(scaling, part));
        }
        SCHEDULES.forEach(schedule -> records.add(saved(schedule, (settings, name, value) -> SavedSettings.put(settings, name, value))));
        records.add(saved(new AdamW.Settings(0.9, 0.95, 1e-8, 0), SavedSettings::put));
        records.add(saved(new DistillationObjective(Divergence.FORWARD_KL, 1, 0), SavedSettings::put));
        return records.stream();
    }

    @Test
    void everyAlternativeIsTestedHere() {
        assertThat(RopeScaling.class.getPermittedSubclasses()).containsExactlyInAnyOrderElementsOf(classes(SCALINGS));
        assertThat(LearningRateSchedule.class.getPermittedSubclasses()).containsExactlyInAnyOrderElementsOf(classes(SCHEDULES));
    }

    /** Each setting of training either shapes the result and is saved, or is listed here. */
    @Test
    void everySettingOfTrainingThatShapesTheResultIsSaved() throws ReflectiveOperationException {
        Map<String, Object> values = Map.ofEntries(entry("sequenceLength", 8), entry("batchSize", 3), entry("accumulation", 2),
                entry("learningRate", 0.5), entry("schedule", TrainingSettings.Schedule.CONSTANT), entry("warmUp", 3L), entry("weightDecay", 0.5),
                entry("beta2", 0.5), entry("maxGradientNorm", 2.0), entry("trainDtype", DType.BF16), entry("moments8Bit", true),
                entry("reduction", GradientReduction.SERIAL));
        // The seed is saved by the runs; the others change when and where a run works, not what it computes.
        Set<String> others = Set.of("seed", "saveEvery", "stopAfter", "checkpointActivations", "tensorboard");
        // Of several passes, whose order of additions counts.
        Map<String, String> usual = TrainingSettings.inWords(new TrainingSettings().accumulation(4).options(1 << 16, 64, 1e-3, 0));
        for (Method setter : TrainingSettings.class.getDeclaredMethods()) {
            if (Modifier.isPublic(setter.getModifiers()) && !others.contains(setter.getName())) {
                var settings = new TrainingSettings().accumulation(4);
                assertThat(values).as("a value for " + setter.getName()).containsKey(setter.getName());
                setter.invoke(settings, values.get(setter.getName()));
                assertThat(TrainingSettings.inWords(settings.options(1 << 16, 64, 1e-3, 0))).as(setter.getName()).isNotEqualTo(usual);
            }
        }
    }

    private static <T> Arguments saved(T record, Saving<T> saving) {
        Map<String, String> settings = new LinkedHashMap<>();
        saving.put(settings, "record", record);
        return Arguments.of(record, settings);
    }

    private interface Saving<T> {
        void put(Map<String, String> settings, String name, T record);
    }

    /** The names up to the second level, each once. */
    private static Set<String> parts(Map<String, String> saved) {
        return saved.keySet().stream().map(name -> name.replaceFirst("^(record, \\w+), .*", "$1")).collect(Collectors.toSet());
    }

    private static List<Class<?>> classes(List<?> objects) {
        return objects.stream().<Class<?>>map(Object::getClass).toList();
    }

    private static Map<String, String> former() {
        Path file = Fixtures.path("former-settings.json");
        JsonObject json = JsonObject.read("fixture", file);
        Map<String, String> former = new LinkedHashMap<>();
        json.keys().forEach(key -> former.put(key, json.string(key)));
        return former;
    }

    private static DecoderConfig config() {
        return DecoderConfig.builder(Architecture.ORION).vocabSize(64).hiddenSize(16).intermediateSize(24).layers(2).heads(2).keyValueHeads(2)
                .headDimension(8).build();
    }

    private static Map<String, String> settings(double peak) {
        Map<String, String> settings = new LinkedHashMap<>();
        SavedSettings.put(settings, "teacher", config());
        SavedSettings.put(settings, "learning rate", new LearningRateSchedule.Cosine(peak, 2, 40, 0.1));
        SavedSettings.put(settings, "optimizer", new AdamW.Settings(0.9, 0.95, 1e-8, 0));
        SavedSettings.put(settings, "objective", new DistillationObjective(Divergence.FORWARD_KL, 1, 0));
        settings.put("seed", "0");
        return settings;
    }
}

package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.Fixtures;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.io.JsonObject;
import kept.io.SettingDifferences;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.nn.RopeScaling;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import org.junit.jupiter.api.Test;

/** Saved settings, now and as former versions wrote them. */
class SavedSettingsTest {
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
        for (RopeScaling scaling : List.of(new RopeScaling.Linear(2), new RopeScaling.DynamicNtk(2, 64), new RopeScaling.Llama3(8, 1, 4, 64),
                new RopeScaling.Yarn(4, 64, 32, 1, 1, true))) {
            SavedSettings.put(settings, "with " + scaling.getClass().getSimpleName(), config().toBuilder().ropeScaling(scaling).build());
        }
        assertThat(settings).containsEntry("teacher, layers", "2").containsEntry("with Yarn, ropeScaling", "yarn")
                .containsEntry("with Yarn, ropeScaling, betaFast", "32.0").containsEntry("learning rate", "cosine");
        assertThat(settings.values()).allMatch(value -> value.matches("[\\w.-]+|\\[[\\d, ]*]"));
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

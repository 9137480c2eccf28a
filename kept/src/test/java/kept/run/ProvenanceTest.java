package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.optim.LearningRateSchedule;
import kept.tensor.Device;
import org.junit.jupiter.api.Test;

/** The facts of report.json that say how a result was made. */
class ProvenanceTest {
    @Test
    void numbersAreNumbersAndPartsOfASettingAreInItsObject() {
        SequencedMap<String, String> settings = new LinkedHashMap<>();
        settings.put("steps", "120");
        settings.put("tied", "true");
        settings.put("eos", "[2, 7]");
        settings.put("trained", "all");
        settings.put("ridge", "NaN");
        SavedSettings.put(settings, "learning rate", new LearningRateSchedule.Cosine(3e-4, 6, 120, 0.1));
        SequencedMap<String, Object> facts = new Provenance("", Device.cpu(), 1).putAll(settings).facts();
        assertThat(facts).containsEntry("steps", 120).containsEntry("tied", true).containsEntry("eos", List.of(2, 7))
                .containsEntry("trained", "all").containsEntry("ridge", "NaN").doesNotContainKey("command");
        assertThat(facts.get("learning rate")).isEqualTo(
                Map.of("kind", "cosine", "peak", 3e-4, "warmUpSteps", 6, "totalSteps", 120, "floorRatio", 0.1));
    }

    @Test
    void aRunIsKnownByItsCommandVersionsDeviceAndRanks() {
        SequencedMap<String, Object> facts = new Provenance("kept distill --demo", Device.cpu(), 3).put("seed", 5L).facts();
        assertThat(facts.keySet()).containsExactly("command", "version", "java", "system", "device", "ranks", "seed");
        assertThat(facts).containsEntry("command", "kept distill --demo").containsEntry("version", SoftwareVersion.text())
                .containsEntry("device", Device.cpu().backend().arithmetic()).containsEntry("ranks", 3).containsEntry("seed", 5L);
        assertThat(facts.get("java").toString()).startsWith(Runtime.version().toString());
    }
}

package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;

class FactGroupsTest {
    @Test
    void whatBelongsTogetherStandsTogetherInWords() {
        SequencedMap<String, Object> facts = new LinkedHashMap<>();
        facts.put("teacher, vocabSize", 2048);
        facts.put("steps", 10);
        facts.put("teacher, architecture", "ORION");
        facts.put("objective", Map.of("divergence", "FORWARD_KL"));
        facts.put("seconds to make: opm", 0.7);
        facts.put("learning rate", "cosine");
        facts.put("learning rate, warmUpSteps", 1);
        facts.put("endTokens", Arrays.asList(2, null));
        facts.put("held-out text prose", "1 file: all of it, 2 KL");
        assertThat(FactGroups.of(facts)).hasToString(
            "{run={steps=10, learning rate=cosine, end tokens=2, n/a, held-out text prose=1 file: all of it, 2 KL}, "
            + "teacher={vocab size=2048, architecture=orion}, objective={divergence=forward kl}, seconds to make={opm=0.7}, "
            + "learning rate={warm up steps=1}}");
    }

    @Test
    void mapsWithinMapsAndConstantsInTextsAreKept() {
        SequencedMap<String, Object> facts = new LinkedHashMap<>();
        facts.put("texts", Map.of("prose", new LinkedHashMap<>(Map.of("shards", List.of("A", "b c")))));
        facts.put("command", "kept distill --dtype BF16");
        assertThat(FactGroups.of(facts)).hasToString("{run={command=kept distill --dtype BF16}, texts={prose=shards a, b c}}");
    }

    @Test
    void noFactsHaveNoGroups() {
        assertThat(FactGroups.of(Map.of())).isEmpty();
    }
}

package kept.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** How the differences between two runs' settings are told. */
class SettingDifferencesTest {
    @Test
    void onlyWhatDiffersIsNamedInOrder() {
        assertThat(told(inOrder("seed", "0", "same", "x", "batch size", "4"), inOrder("seed", "9", "batch size", "2", "same", "x")))
            .isEqualTo("batch size was 4, is 2; seed was 0, is 9");
        assertThat(told(Map.of("seed", "0"), Map.of("seed", "0"))).isEmpty();
        assertThat(told(Map.of("a", "1"), Map.of("b", "2"))).isEqualTo("a was 1, is absent; b was absent, is 2");
    }

    @Test
    void fourAreListedAndTheOthersCounted() {
        Map<String, String> before = new LinkedHashMap<>();
        Map<String, String> now = new LinkedHashMap<>();
        for (String name : List.of("a", "b", "c", "d")) {
            before.put(name, "1");
            now.put(name, "2");
        }
        assertThat(told(before, now)).isEqualTo("a was 1, is 2; b was 1, is 2; c was 1, is 2; d was 1, is 2");
        before.put("e", "1");
        before.put("f", "1");
        assertThat(told(before, now)).isEqualTo("a was 1, is 2; b was 1, is 2; c was 1, is 2; d was 1, is 2; and 2 more");
    }

    /** Former versions saved records as Java prints them. */
    @Test
    void partsOfASettingAreToldByThemselvesAndCountAsOne() {
        Map<String, String> before = Map.of("rate", "Cosine[peak=0.001, warmUpSteps=10, inner=Linear[a=1, b=[x, y]]]", "z", "1", "y", "1", "x", "1");
        Map<String, String> now = Map.of("rate", "Constant[peak=0.002, warmUpSteps=10, inner=Linear[a=1, b=[x, z]]]", "z", "2", "y", "2", "x", "2");
        assertThat(told(before, now)).isEqualTo("rate was cosine, is constant; rate, inner, b was [x, y], is [x, z]; rate, peak was 0.001, is 0.002; "
            + "x was 1, is 2; y was 1, is 2; z was 1, is 2");
        assertThat(told(Map.of("adamw", "Settings[beta=0.9, eps=1]"), Map.of("adamw", "Settings[beta=0.8, eps=1]")))
            .isEqualTo("adamw, beta was 0.9, is 0.8");
        assertThat(told(Map.of("rate", "Constant[]"), Map.of("rate", "Constant[peak]"))).isEqualTo("rate, peak was absent, is ");
    }

    @Test
    void anOptionalNumberIsTheNumberOrNone() {
        assertThat(told(Map.of("bos", "OptionalInt[3]"), Map.of("bos", "3"))).isEmpty();
        assertThat(told(Map.of("bos", "OptionalInt.empty"), Map.of("bos", "none"))).isEmpty();
        assertThat(told(Map.of("bos", "OptionalInt.empty"), Map.of("bos", "4"))).isEqualTo("bos was none, is 4");
    }

    private static Map<String, String> inOrder(String... namesAndValues) {
        Map<String, String> settings = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            settings.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return settings;
    }

    private static String told(Map<String, String> before, Map<String, String> now) {
        return SettingDifferences.inWords(SettingDifferences.names(before, now), before, now);
    }
}

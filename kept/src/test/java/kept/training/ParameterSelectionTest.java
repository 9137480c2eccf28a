package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParameterSelectionTest {
    private static final String NORM = "model.layers.0.input_layernorm.weight";
    private static final String QUERY = "model.layers.0.self_attn.q_proj.weight";

    @ParameterizedTest
    @CsvSource(delimiter = '|', ignoreLeadingAndTrailingWhitespace = false, value = {
        "norms,lora|norms,lora",
        "norms, lora|norms,lora",
        " LoRA , Norms |norms,lora",
        "lora,q_proj|q_proj,lora",
        " lora |lora",
        "layers\\.[0-9]{1,2}\\. ,lora|layers\\.[0-9]{1,2}\\.,lora",
    })
    void wordsMayHaveBlanksAroundThem(String text, String asked) {
        ParameterSelection selection = ParameterSelection.parse(text);
        assertThat(selection.asked()).isEqualTo(asked);
        assertThat(selection.adapters()).isPresent();
        assertThat(ParameterSelection.namesAdapters(text)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {" norms ", "All", "layers\\.[0-9]{1,2}\\.", "explora", "lora_A", "q_proj,explora"})
    void whatDoesNotNameLoraHasNoAdapters(String text) {
        assertThat(ParameterSelection.parse(text).adapters()).isEmpty();
        assertThat(ParameterSelection.namesAdapters(text)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora,", ", lora", "lora , lora", "lora,lora,lora"})
    void nothingBesideLoraIsRefused(String text) {
        assertThatThrownBy(() -> ParameterSelection.parse(text)).isInstanceOf(TrainingException.class)
                .hasMessage("[train] '%s' names nothing beside lora; lora alone trains adapters only", text);
    }

    @Test
    void aSelectionOfNothingButWhatIsLeftOutSaysSo() {
        ParameterSelection norms = ParameterSelection.parse("norms").without(Set.of(NORM), "a constant tensor");
        assertThatThrownBy(() -> norms.requireSome(List.of(NORM, QUERY))).isInstanceOf(TrainingException.class)
                .hasMessage("[train] 'norms' matches nothing but a constant tensor, not to be trained; train others by a pattern, or lora");
        assertThatThrownBy(() -> norms.requireSome(List.of("lm_head.weight", QUERY))).isInstanceOf(TrainingException.class)
                .hasMessage("[train] 'norms' matches no parameter; their names are like " + QUERY);
        norms.replacedBy(ParameterSelection.parse("all")).requireSome(List.of(NORM, QUERY));
    }

    @Test
    void whatIsLeftOutIsLeftOutOfAnotherSelectionToo() {
        ParameterSelection all = ParameterSelection.parse("q_proj").without(Set.of(NORM), "a constant tensor")
                .replacedBy(ParameterSelection.parse("all"));
        assertThat(all.selects(NORM)).isFalse();
        assertThat(all.selects(QUERY)).isTrue();
        assertThat(all).hasToString("all, without a constant tensor");
    }
}

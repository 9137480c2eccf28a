package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Examples come from the question's group, never are the question itself, and are the same for the same seed. */
class FewShotTest {
    private static final List<Question> POOL = IntStream.range(0, 12).mapToObj(i -> question(i % 2 == 0 ? "even" : "odd", i)).toList();

    private static Question question(String group, int number) {
        return new Question("pool, line " + number, group, "About " + group + " numbers.\n\n", "Q" + number + ":", List.of("yes", "no"), number % 2);
    }

    @Test
    void thePromptIsDescriptionExamplesAndContext() {
        var shots = new FewShot(2, POOL, " ", OptionalLong.empty());
        assertThat(shots.prompt(POOL.get(4), 4)).isEqualTo("About even numbers.\n\nQ0: yes\n\nQ2: yes\n\nQ4:");
        assertThat(shots.prompt(question("odd", 99), 0)).isEqualTo("About odd numbers.\n\nQ1: no\n\nQ3: no\n\nQ99:");
        assertThat(new FewShot(0, List.of(), " ", OptionalLong.empty()).prompt(POOL.get(4), 4)).isEqualTo("About even numbers.\n\nQ4:");
    }

    @Test
    void aQuestionIsNoExampleOfItself() {
        var shots = new FewShot(5, POOL, " ", OptionalLong.empty());
        assertThat(shots.prompt(POOL.get(0), 0)).isEqualTo("About even numbers.\n\nQ2: yes\n\nQ4: yes\n\nQ6: yes\n\nQ8: yes\n\nQ10: yes\n\nQ0:");
    }

    @Test
    void tooFewExamplesAreTold() {
        var shots = new FewShot(6, POOL, " ", OptionalLong.empty());
        assertThatThrownBy(() -> shots.prompt(POOL.get(0), 0)).isInstanceOf(EvaluationException.class)
                .hasMessage("[examples] pool, line 0 asks for 6 examples of the group \"even\", and there are 5");
    }

    @Test
    void examplesAreDrawnAnewForEachQuestionAndAreTheSameForTheSameSeed() {
        var shots = new FewShot(3, POOL, " ", OptionalLong.of(7));
        Question asked = question("even", 100);
        assertThat(shots.prompt(asked, 5)).isEqualTo(new FewShot(3, POOL, " ", OptionalLong.of(7)).prompt(asked, 5));
        var first = new TreeSet<String>();
        var prompts = new TreeSet<String>();
        for (int i = 0; i < 300; i++) {
            String prompt = shots.prompt(asked, i);
            prompts.add(prompt);
            first.add(prompt.substring("About even numbers.\n\n".length(), prompt.indexOf(':')));
            assertThat(prompt.split("Q\\d+:")).as("no example twice").hasSize(4);
            assertThat(prompt).doesNotContain("Q1:", "Q3:");
        }
        assertThat(first).containsExactly("Q0", "Q10", "Q2", "Q4", "Q6", "Q8");
        assertThat(prompts).as("ordered choices of 3 from 6").hasSizeGreaterThan(80).hasSizeLessThanOrEqualTo(120);
    }
}

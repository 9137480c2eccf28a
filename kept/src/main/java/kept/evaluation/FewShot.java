package kept.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;

/**
 * Adds solved examples before a question: its description, then each example's context, delimiter and correct choice, an empty line after each, and
 * the question's context. An example comes from the question's own group and is never the question itself.
 *
 * @param shots the number of examples
 * @param pool the questions they are taken from; may be the task itself
 * @param delimiter the text between a context and a choice
 * @param seed determines the examples that are sampled for each question; without one, they are the first of the pool in its order
 */
public record FewShot(int shots, List<Question> pool, String delimiter, OptionalLong seed) {
    private static final String BETWEEN_EXAMPLES = "\n\n";

    /** Makes the pool immutable. */
    public FewShot {
        pool = List.copyOf(pool);
    }

    /**
     * The text that a model reads before it scores the choices of a question.
     *
     * @param question the question
     * @param index its index in the task, which together with the seed determines the sampled examples
     * @return the prompt, without delimiter
     * @throws EvaluationException if there are not enough examples of the question's group
     */
    public String prompt(Question question, int index) {
        var prompt = new StringBuilder(question.description());
        for (Question example : examples(question, index)) {
            prompt.append(example.context()).append(delimiter).append(example.rightChoice()).append(BETWEEN_EXAMPLES);
        }
        return prompt.append(question.context()).toString();
    }

    private List<Question> examples(Question question, int index) {
        if (shots == 0) {
            return List.of();
        }
        List<Question> candidates = new ArrayList<>(pool.stream()
                .filter(example -> example.group().equals(question.group()) && !example.asksTheSameAs(question)).toList());
        if (candidates.size() < shots) {
            throw new EvaluationException("[examples] %s asks for %d examples%s, and there are %d".formatted(question.place(), shots,
                    question.group().isEmpty() ? "" : " of the group \"" + question.group() + "\"", candidates.size()));
        }
        seed.ifPresent(number -> draw(candidates, new SplittableRandom(number * 0x9e3779b97f4a7c15L + index)));
        return candidates.subList(0, shots);
    }

    /** The beginning of a shuffle: each choice of examples in each order is equally likely. */
    private void draw(List<Question> candidates, SplittableRandom random) {
        for (int i = 0; i < shots; i++) {
            int other = random.nextInt(i, candidates.size());
            Question chosen = candidates.set(other, candidates.get(i));
            candidates.set(i, chosen);
        }
    }
}

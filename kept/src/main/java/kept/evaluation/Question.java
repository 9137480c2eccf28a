package kept.evaluation;

import java.util.List;

/**
 * A multiple-choice question.
 *
 * @param place its file and line, for messages
 * @param group what it belongs to within its task, such as a subject: its few-shot examples come from the same group; empty if there is none
 * @param description what comes before all else in the prompt, such as instructions; empty if there is none
 * @param context what the model reads before it scores the choices
 * @param choices the possible continuations, two or more, none empty
 * @param answer the index of the right one, from 0
 */
public record Question(String place, String group, String description, String context, List<String> choices, int answer) {
    /** Fixes the choices. */
    public Question {
        choices = List.copyOf(choices);
    }

    /**
     * The right choice.
     *
     * @return its text
     */
    public String rightChoice() {
        return choices.get(answer);
    }

    /** Whether two questions are the same, regardless of their place. */
    boolean asksTheSameAs(Question other) {
        return context.equals(other.context) && choices.equals(other.choices) && answer == other.answer;
    }
}

package kept.evaluation;

import java.util.List;

/**
 * A multiple-choice question.
 *
 * @param place its file and line, for messages
 * @param group its group within the task, such as a subject, from which its few-shot examples come; empty if there is none
 * @param description the beginning of the prompt, such as instructions; empty if there is none
 * @param context the text before the choices
 * @param choices the possible continuations, two or more, none empty
 * @param answer the index of the correct one, from 0
 */
public record Question(String place, String group, String description, String context, List<String> choices, int answer) {
    /** Makes the list of choices immutable. */
    public Question {
        choices = List.copyOf(choices);
    }

    /**
     * The correct choice.
     *
     * @return its text
     */
    public String rightChoice() {
        return choices.get(answer);
    }

    /** Whether two questions are the same, regardless of their position. */
    boolean asksTheSameAs(Question other) {
        return context.equals(other.context) && choices.equals(other.choices) && answer == other.answer;
    }
}

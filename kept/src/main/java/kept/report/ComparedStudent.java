package kept.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.evaluation.TokenScores;

/**
 * The scores of one of several students of the same teacher.
 *
 * @param name its origin: a mapping's name, or a name given by the user
 * @param dtype the element type of its weights, as users write it
 * @param scores its scores against the teacher, by text name
 */
public record ComparedStudent(String name, String dtype, SequencedMap<String, TokenScores> scores) {
    /** The name of the teacher itself, rounded, among the students. */
    public static final String TEACHER = "teacher";

    /** Copies the scores. */
    public ComparedStudent {
        scores = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(scores));
    }

    /** Its name and type in a row of a table. */
    String label() {
        return "%s %s".formatted(name, dtype).stripTrailing();
    }
}

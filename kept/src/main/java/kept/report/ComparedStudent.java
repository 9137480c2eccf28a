package kept.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.evaluation.TokenScores;

/**
 * One student among several of the same teacher.
 *
 * @param name where it comes from: a mapping's name, or what the user calls it
 * @param dtype what its weights are rounded to, as users write it
 * @param scores how it compares with the teacher, by the names of the texts
 */
public record ComparedStudent(String name, String dtype, SequencedMap<String, TokenScores> scores) {
    /** Fixes the scores. */
    public ComparedStudent {
        scores = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(scores));
    }
}

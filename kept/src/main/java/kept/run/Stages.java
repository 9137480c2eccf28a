package kept.run;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.model.Decoder;
import kept.report.DomainResult;

/** Evaluates the students of one teacher, stage by stage, on all held-out texts, and records the time that each took. */
final class Stages {
    private final List<TextEvaluation> evaluations;
    private final SequencedMap<String, SequencedMap<String, Fidelity>> fidelity = new LinkedHashMap<>();
    private final SequencedMap<String, Double> seconds = new LinkedHashMap<>();

    Stages(List<TextEvaluation> evaluations) {
        this.evaluations = List.copyOf(evaluations);
    }

    /**
     * Evaluates a student.
     *
     * @param stage its name in tables
     * @param took its duration in seconds
     * @param teacher the teacher's logits
     * @param student the student with its stored values
     * @return this
     */
    Stages evaluate(String stage, double took, TeacherLogits teacher, Decoder student) {
        for (TextEvaluation evaluation : evaluations) {
            fidelity.computeIfAbsent(evaluation.name(), _ -> new LinkedHashMap<>()).put(stage, evaluation.compare(teacher, student));
        }
        seconds.put(stage, took);
        return this;
    }

    /**
     * The results by text.
     *
     * @param start the stage before training
     */
    List<DomainResult> results(String start) {
        List<DomainResult> results = new ArrayList<>();
        fidelity.forEach((text, stages) -> results.add(new DomainResult(text, stages, start)));
        return results;
    }

    /** The seconds that each stage took. */
    SequencedMap<String, Double> seconds() {
        return Collections.unmodifiableSequencedMap(seconds);
    }
}

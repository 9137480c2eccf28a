package kept.evaluation;

import java.util.List;

/**
 * A prediction with a large divergence between teacher and student.
 *
 * @param sequence the index of its sequence in the text, from 0
 * @param position its position in the sequence, from 0
 * @param divergence KL(teacher || student) in nats
 * @param teacherProbability the teacher's probability of the true next token
 * @param studentProbability the student's probability of it
 * @param teacherCandidates the teacher's most likely tokens, in order
 * @param studentCandidates the student's most likely tokens, in order
 */
public record WorstToken(int sequence, int position, double divergence, double teacherProbability, double studentProbability,
        List<Candidate> teacherCandidates, List<Candidate> studentCandidates) {
    /** Keeps copies of the lists. */
    public WorstToken {
        teacherCandidates = List.copyOf(teacherCandidates);
        studentCandidates = List.copyOf(studentCandidates);
    }

    /**
     * A token that may come next.
     *
     * @param token its id
     * @param probability its probability
     */
    public record Candidate(int token, double probability) {}
}

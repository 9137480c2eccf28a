package kept.evaluation;

import kept.autograd.FactoredLogits;
import kept.model.Decoder;
import kept.tensor.Tensor;

/**
 * The logits of both models at the same positions, for the ids that both have: a vocabulary may be padded with rows that are no tokens.
 *
 * @param teacher the teacher's logits
 * @param student the student's
 */
record PairedLogits(FactoredLogits teacher, FactoredLogits student) {

    /**
     * Computes the logits of hidden states after the final norms.
     *
     * @param taught the teacher's hidden states, {@code [..., hidden size]}
     * @param learnt the student's
     */
    static PairedLogits of(Decoder teacher, Tensor taught, Decoder student, Tensor learnt) {
        int shared = Math.min(teacher.config().vocabSize(), student.config().vocabSize());
        return new PairedLogits(logits(teacher, taught, shared), logits(student, learnt, shared));
    }

    /**
     * Joins a teacher's logits with those of a student's hidden states.
     *
     * @param teacher the teacher's logits
     * @param student the student
     * @param learnt its hidden states
     */
    static PairedLogits of(FactoredLogits teacher, Decoder student, Tensor learnt) {
        int shared = Math.toIntExact(Math.min(teacher.vocabulary(), student.config().vocabSize()));
        FactoredLogits first = teacher.vocabulary() == shared ? teacher : new FactoredLogits(teacher.hidden(), teacher.head().slice(0, 0, shared));
        return new PairedLogits(first, logits(student, learnt, shared));
    }

    private static FactoredLogits logits(Decoder model, Tensor hidden, int shared) {
        Tensor head = model.headWeight();
        return new FactoredLogits(hidden, head.size(0) == shared ? head : head.slice(0, 0, shared));
    }
}

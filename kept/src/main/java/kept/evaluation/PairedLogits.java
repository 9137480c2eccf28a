package kept.evaluation;

import kept.autograd.FactoredLogits;

/**
 * The logits of both models at the same positions, for the ids that both have: a vocabulary may be padded with rows that are no tokens.
 *
 * @param teacher the teacher's logits
 * @param student the student's
 */
record PairedLogits(FactoredLogits teacher, FactoredLogits student) {
    /**
     * Pairs the logits of two models.
     *
     * @param teacher the teacher's logits of some positions
     * @param student the student's of the same positions
     */
    static PairedLogits of(FactoredLogits teacher, FactoredLogits student) {
        long shared = Math.min(teacher.vocabulary(), student.vocabulary());
        return new PairedLogits(first(teacher, shared), first(student, shared));
    }

    private static FactoredLogits first(FactoredLogits logits, long ids) {
        return logits.vocabulary() == ids ? logits : new FactoredLogits(logits.hidden(), logits.head().slice(0, 0, ids));
    }
}

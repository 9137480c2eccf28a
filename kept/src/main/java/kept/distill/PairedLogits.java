package kept.distill;

import kept.autograd.FactoredLogits;

/**
 * What both models predict at the same positions.
 *
 * @param teacher the teacher's logits
 * @param student the student's
 */
record PairedLogits(FactoredLogits teacher, FactoredLogits student) {}

/**
 * Evaluation of a model, and of a student against its teacher: multiple-choice questions scored by log-likelihood as in lm-evaluation-harness,
 * passkey retrieval in long contexts, divergences and distances between two models on held-out text, and confidence intervals of shares and means.
 * {@link kept.evaluation.TeacherLogits} may come from a teacher in memory or from a recording ({@code kept.recording}).
 *
 * <p>The text comes from {@code kept.corpus}; tables are printed by {@code kept.report}.
 */
package kept.evaluation;

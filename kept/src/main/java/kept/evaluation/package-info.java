/**
 * What models can do, and how faithfully a student follows its teacher: multiple-choice questions by log-likelihood, the way lm-evaluation-harness
 * scores them, the pass-key test of long contexts, divergences and distances between two models on running text, and the intervals that belong
 * beside each share and mean.
 *
 * <p>The text comes from {@code kept.corpus}; tables are printed by {@code kept.report}.
 */
package kept.evaluation;

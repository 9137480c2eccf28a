/**
 * What models can do, measured without training: multiple-choice questions by log-likelihood, the way lm-evaluation-harness scores them, the
 * pass-key test of long contexts, and the intervals that belong beside each share and mean.
 *
 * <p>How faithfully a student follows its teacher on running text is {@code kept.distill}'s matter; tables are printed by {@code kept.report}.
 */
package kept.evaluation;

/**
 * Reports results to a person: tables for the terminal, {@code report.json} and a self-contained {@code report.html} with curves, from a
 * {@link kept.report.RunReport}. {@link kept.report.FidelityPage} and {@link kept.report.ComparisonPage} are such pages of {@code verify} and
 * {@code compare}.
 *
 * <p>Nothing is measured here; numbers come from {@code kept.training}, {@code kept.evaluation} and {@code kept.mapping}.
 */
package kept.report;

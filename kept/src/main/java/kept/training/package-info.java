/**
 * Training of a decoder: the training loop and its objectives (cross-architecture distillation, XKD, and language modelling), the plan of its
 * steps, and the saved state from which a run resumes.
 *
 * <p>Elsewhere: text ({@code kept.corpus}), models ({@code kept.model}), evaluation of a student ({@code kept.evaluation}), and tables and pages
 * ({@code kept.report}).
 */
package kept.training;

/**
 * Training of a decoder: the training loop and its objectives (cross-architecture distillation, XKD, and language modelling), the plan of its
 * steps, and what a run saves so that it can be resumed.
 *
 * <p>The text is {@code kept.corpus}'s matter, what the models compute {@code kept.model}'s, how faithful a student is {@code kept.evaluation}'s,
 * and how numbers are shown {@code kept.report}'s.
 */
package kept.training;

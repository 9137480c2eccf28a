/**
 * Training of a decoder: the training loop and its objectives (cross-architecture distillation, XKD, from a teacher in memory or from its recorded
 * logits, and language modelling), the parameters and adapters to train, the plan of the steps, the metrics as lines of text and as TensorBoard event
 * files, and the saved state from which a run resumes.
 *
 * <p>Several ranks ({@code kept.distributed}) share the passes of a step: the {@link kept.training.Trainer} of rank 0 leads, and each other rank has
 * a {@link kept.training.TrainingFollower}. {@link kept.training.TrainingRanks} has what lies divided over them ({@link
 * kept.training.Sharding}), and the orders of rank 0; gradients are whole or divided.
 *
 * <p>Elsewhere: text ({@code kept.corpus}), models ({@code kept.model}), recordings ({@code kept.recording}), evaluation of a student
 * ({@code kept.evaluation}), and tables and pages ({@code kept.report}).
 */
package kept.training;

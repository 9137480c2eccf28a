/**
 * Training: the optimizers {@link kept.optim.AdamW} and {@link kept.optim.Sgd}, {@link kept.optim.LearningRateSchedule learning-rate schedules} and
 * {@link kept.optim.GradientClipping gradient clipping}, for the parameters of {@code kept.nn}. Training loops, data and saved states are in the
 * module {@code kept}.
 */
package kept.optim;

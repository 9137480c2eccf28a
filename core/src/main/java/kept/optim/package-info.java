/**
 * Training: {@link kept.optim.AdamW} and {@link kept.optim.Sgd}, {@link kept.optim.LearningRateSchedule learning-rate schedules} and
 * {@link kept.optim.GradientClipping gradient clipping}, over the parameters of {@code kept.nn}. Loops, data and states on disk live in the module
 * {@code kept}.
 */
package kept.optim;

/**
 * Measuring on text what the mapping {@code calibrated} is made of besides a checkpoint: {@link kept.calibration.Calibration} goes through teacher
 * and student layer by layer, and {@link kept.calibration.MeasuredTensors} holds the result on disk.
 *
 * <p>What the mapping is lives in {@code kept.mapping}; text in {@code kept.corpus}.
 */
package kept.calibration;

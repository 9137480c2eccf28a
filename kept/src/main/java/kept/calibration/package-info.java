/**
 * Measures, on text, what the mapping {@code calibrated} needs besides a checkpoint: {@link kept.calibration.Calibration} processes teacher and
 * student layer by layer, and {@link kept.calibration.MeasuredTensors} stores the results.
 *
 * <p>What the mapping is lives in {@code kept.mapping}; text in {@code kept.corpus}.
 */
package kept.calibration;

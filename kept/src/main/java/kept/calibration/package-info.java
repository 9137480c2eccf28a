/**
 * Measures on text the tensors that the mapping {@code calibrated} needs in addition to a checkpoint: {@link kept.calibration.Calibration} processes
 * teacher and student layer by layer, and {@link kept.calibration.MeasuredTensors} stores the results. {@link
 * kept.calibration.CalibrationCost} estimates time and memory before, by a {@link kept.calibration.ProductRate} that plans of training use too.
 *
 * <p>Elsewhere: the mapping itself ({@code kept.mapping}) and text ({@code kept.corpus}).
 */
package kept.calibration;

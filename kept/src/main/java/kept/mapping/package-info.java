/**
 * Mappings from a source's tensors to a Llama's, without training: a {@link kept.mapping.Mapping} is a table with one row for each target tensor,
 * made by a switch over the tensors' {@linkplain kept.model.TensorRole roles}, and {@link kept.mapping.Conversion} streams a checkpoint through it.
 * {@link kept.mapping.UsualMapping} is the one that a conversion takes by itself, {@link kept.mapping.TargetDescription} tells what a mapping
 * gives, and {@link kept.mapping.ConversionCost} what the conversion takes. {@link kept.mapping.GivenStudent} is the table of a Llama that is given
 * instead, for a distillation.
 *
 * <p>Elsewhere: the measurement of tensors on text ({@code kept.calibration}), training ({@code kept.training}) and checkpoints ({@code
 * kept.checkpoint}).
 */
package kept.mapping;

/**
 * How an Orion's tensors become a Llama's without training: a {@link kept.mapping.Mapping} is a table with one row for each target tensor, made by a
 * switch over the tensors' {@linkplain kept.model.TensorRole roles}, and {@link kept.mapping.Conversion} streams a
 * checkpoint through it.
 *
 * <p>Training lives in {@code kept.training}, checkpoints in {@code kept.checkpoint}.
 */
package kept.mapping;

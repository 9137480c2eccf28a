/**
 * Tensors in files, independent of the format: {@link kept.weights.TensorEntry} is the metadata of a stored tensor, {@link kept.weights.TensorSpec}
 * of one to be written; {@link kept.weights.WeightFile} and {@link kept.weights.WeightWriter} are what all formats have in common;
 * {@link kept.weights.ShardIndex} and {@link kept.weights.ShardPlan} distribute a checkpoint over several files; {@link kept.weights.FiniteValues}
 * detects NaN and infinity.
 *
 * <p>Elsewhere: the formats ({@code kept.safetensors}, {@code kept.torch}), a whole directory ({@code kept.checkpoint}), and tensors to compute with
 * ({@code kept.tensor}).
 */
package kept.weights;

/**
 * Tensors as they lie in files, whatever the format: {@link kept.weights.TensorEntry} says where one lies and how it is stored,
 * {@link kept.weights.TensorSpec} what is to be written, {@link kept.weights.WeightFile} and {@link kept.weights.WeightWriter} are what every
 * format offers, and {@link kept.weights.ShardIndex} and {@link kept.weights.ShardPlan} spread a checkpoint over several files. Values that cannot
 * be used are found by {@link kept.weights.FiniteValues}.
 *
 * <p>Not here: the formats ({@code kept.safetensors}, {@code kept.torch}), a whole directory ({@code kept.checkpoint}), and tensors to compute with
 * ({@code kept.tensor}).
 */
package kept.weights;

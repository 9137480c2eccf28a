/**
 * A directory of weights, in whichever format and in however many files: {@link kept.checkpoint.Checkpoint} opens it, finds its files and names its
 * tensors as the model does ({@code TensorNames}).
 *
 * <p>Not here: the formats ({@code kept.safetensors}, {@code kept.torch}), what the tensors mean ({@code kept.model}), and how those of one
 * architecture become another's ({@code kept.mapping}).
 */
package kept.checkpoint;

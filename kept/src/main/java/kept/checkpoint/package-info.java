/**
 * Reads a checkpoint directory, in any supported format and number of files: {@link kept.checkpoint.Checkpoint} finds and opens its files and maps
 * tensor names to those of the model ({@code TensorNames}).
 *
 * <p>Elsewhere: the file formats ({@code kept.safetensors}, {@code kept.torch}), the models that use the tensors ({@code kept.model}), and the
 * conversion between architectures ({@code kept.mapping}).
 */
package kept.checkpoint;

/**
 * The format safetensors: {@link kept.safetensors.SafetensorsFile} is one memory-mapped file, {@link kept.safetensors.SafetensorsWriter} writes
 * one, and {@link kept.safetensors.CheckpointWriter} streams tensors into shards. {@code Seal} holds checksums in a file's own metadata.
 *
 * <p>Not here: what formats have in common ({@code kept.weights}), and a directory to read ({@code kept.checkpoint}).
 */
package kept.safetensors;

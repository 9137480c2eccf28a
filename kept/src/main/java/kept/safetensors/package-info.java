/**
 * The safetensors format: {@link kept.safetensors.SafetensorsFile} is a memory-mapped file, {@link kept.safetensors.SafetensorsWriter} writes one,
 * and {@link kept.safetensors.CheckpointWriter} streams tensors into shards. {@code EmbeddedChecksums} keeps checksums in a file's own metadata.
 *
 * <p>Elsewhere: what all formats share ({@code kept.weights}), and reading a directory ({@code kept.checkpoint}).
 */
package kept.safetensors;

/**
 * Files: what may be read, and writing that is whole or not at all.
 *
 * <p>Reading: {@link kept.io.InputFiles} says what may be read at all, {@link kept.io.MistakenFile} what a file is that is something else, and
 * {@link kept.io.JsonObject} reads the values of a JSON file by their types. Writing: {@link kept.io.OutputDirectory} makes a directory appear at
 * once, {@link kept.io.ResumableDirectory} one whose making may be killed and gone on with,
 * {@link kept.io.OutputFile} a large file, and {@link kept.io.AtomicFiles} replaces small ones. What of an existing directory may be deleted is
 * said by {@link kept.io.OwnFiles}, and whether an output can be written is tried by {@link kept.io.OutputProbe}. Whatever is wrong with a file is
 * a {@link kept.io.CheckpointException} naming file, tensor and offset.
 *
 * <p>Not here: the formats of weights ({@code kept.safetensors}, {@code kept.torch}), JSON itself and small text files ({@code kept.text}).
 */
package kept.io;

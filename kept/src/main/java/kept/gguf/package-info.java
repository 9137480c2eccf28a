/**
 * Writes Llama checkpoints as GGUF files, the format of llama.cpp: one file with metadata, tokenizer and weights.
 *
 * <p>{@link kept.gguf.GgufExport} converts a checkpoint directory, with matrices in a {@link kept.gguf.GgufType}. Contents and names equal those of
 * llama.cpp's own converter; {@code docs/gguf.md} lists the differences.
 *
 * <p>Elsewhere: atomic writing ({@code kept.io}). GGUF files are not read here; the tests contain a strict reader.
 */
package kept.gguf;
